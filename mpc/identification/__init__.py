"""Step tests or historian data become a linear model with its uncertainty."""
