"""The steady state that pays best under ranked limits."""
