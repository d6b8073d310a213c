"""Published planning problems: readers of their files and the bench that solves them."""
