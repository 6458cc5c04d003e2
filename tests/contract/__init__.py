"""Every adapter against the public contract suites, and what only real databases and processes can show."""
