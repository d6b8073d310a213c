"""Linear models in the same engine: exact dead times, step responses, reduced models."""
