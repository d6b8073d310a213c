"""Tuning of controllers: trials in closed loop, a genetic search, a catalogue of what it found."""
