"""Controllers as C code for machines without Python."""
