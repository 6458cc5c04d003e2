"""Drivers (`tests.agents.suite.jobs.Driver`), each one framework with a scripted model, in a file of its own."""
