"""Nonlinear MPC: estimator, steady-state target, real-time iteration, acceptance, signing."""
