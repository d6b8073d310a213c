"""Economic planning: cases of crude, units, blends and markets into plans and targets."""
