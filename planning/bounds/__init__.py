"""Proven limits to what any plan can reach: relaxations, tightening, branch and bound."""
