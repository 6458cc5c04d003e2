"""Whole processes over real databases and a real far side; what they share is only what a deployment shares."""
