"""What a planner asks of a solved case: marginals, ranges, crude values, local optima, matrices."""
