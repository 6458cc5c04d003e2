"""Settings that people change: bounds and stops, API keys, sessions."""
