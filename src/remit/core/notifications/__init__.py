"""Notifications: subscriptions, notices, the outbox, the ledger in words, and the day in numbers."""
