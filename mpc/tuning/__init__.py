"""Tuning of the controller: closed-loop evaluation and a small genetic algorithm."""
