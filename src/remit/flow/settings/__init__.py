"""What people set: bounds and stops, API keys, sessions."""
