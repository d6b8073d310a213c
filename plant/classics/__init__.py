"""Plants of the literature with their published parameters and numbers.

Each module holds one plant as a `ProcessModel` in SI units with time in seconds; those that are
transfer matrices keep the units of their paper for inputs and outputs.
"""
