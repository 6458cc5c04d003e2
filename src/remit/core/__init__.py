"""
Pure values and functions: every rule of Remit is here.

Belongs here: what an intent is, who may run alone, how a budget is charged, how a verdict is reached, what
a ledger proves. Does not: I/O, the clock, randomness, logging.
"""
