"""Operator Agent: a refinery's economics, from crude assays and prices to valve positions.

The folders of the repository are the subpackages: `plant`, `planning`, `mpc`, `io`,
`rl_supervisor`, `runtime` and `api`. This package itself holds the words that they share:
errors, units, tags, messages, signing, the clock and the site configuration.
"""

__version__ = "0.1.0"
