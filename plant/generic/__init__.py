"""A user's own plant from equations, matrices or step responses."""
