"""
One file per step, in the order the data moves: propose, gate, publish, review, execute, reconcile, read.

Belongs here: which records a step reads and writes together. Does not: rules (they are in `core`), or
any database, bus or protocol by name. Steps do not call each other; `remit.app` strings them together.
"""
