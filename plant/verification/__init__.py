"""Figures that show what the plant is worth."""
