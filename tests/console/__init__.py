"""The web console, in a real browser where it matters."""
