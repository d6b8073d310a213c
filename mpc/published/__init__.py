"""Published control problems: equations, limits, upsets, scores; engines compared on them."""
