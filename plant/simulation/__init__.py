"""The plant in time: scenarios, sensors, history."""
