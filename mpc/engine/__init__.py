"""From a model on a grid to a quadratic problem, and back to a plan: the parts of `mpc.solve`."""
