"""Public test suites: a third party's adapter proves itself with these."""
