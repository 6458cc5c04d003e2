"""Execution fulfils and never decides: one attempt, one outcome, and no repeat on a guess."""
