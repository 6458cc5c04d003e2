"""Egress: where requests may go, and how they end."""
