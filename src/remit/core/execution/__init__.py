"""Execution: who may approve, what may be published and run, attempts and outcomes, and templates of requests."""
