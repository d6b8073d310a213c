"""The plan as one page to read and to print, and its balances as values."""
