"""Many copies of a plant stepped at once."""
