"""Bilinear programs: pooling, blending and base-delta yields, solved without a global solver."""
