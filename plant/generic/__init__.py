"""A plant from what a user has: equations, matrices, transfer functions or step responses."""
