"""The controller's own, coarser model of the crude unit."""
