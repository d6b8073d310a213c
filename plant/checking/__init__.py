"""What `check_plant` looks at, one concern per module."""
