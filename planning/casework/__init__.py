"""Work with many cases: trees of what-ifs, stacks, ramps, and comparisons in money."""
