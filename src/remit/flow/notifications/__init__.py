"""Consumers of the ledger: daily counts, notices collected into outboxes, and their delivery."""
