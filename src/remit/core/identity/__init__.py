"""Identity: roles and permissions, API keys, sessions, and the secrets that stand for them."""
