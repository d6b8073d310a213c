"""Measured ratios: each benchmark runs the product and a reference in the same minutes."""
