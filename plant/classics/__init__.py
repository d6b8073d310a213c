"""Benchmark plants of the literature, with their published numbers."""
