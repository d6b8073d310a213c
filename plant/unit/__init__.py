"""The crude unit of record: column, surroundings, economics."""
