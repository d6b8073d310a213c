"""What surrounds a column: pumps, valves, exchangers, desalter, heater."""
