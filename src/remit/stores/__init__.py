"""
Stores, in which Remit remembers: one adapter per database, siblings that know how to be atomic and know no rule.

A store proves itself with `remit.testing.store_contract`.
"""
