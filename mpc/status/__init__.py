"""Who takes part in control: the modes of the controller and the states of its variables."""
