"""Crudes: assays, division into lumps, thermodynamic properties."""
