"""A controller for any plant, and optimal control problems of a user's own."""
