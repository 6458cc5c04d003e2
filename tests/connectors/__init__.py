"""Connectors: what they make of an intent, and what they understand of an answer."""
