"""HTTP service for the orchestrator: it takes requests for plans, and has no path to a write."""
