"""
The lab: what a change of bounds would have done, and would do, before it is live; pure functions over ledger entries
and bounds.

Nothing here reads a store, a file or a clock, and nothing writes: who calls hands entries over and takes answers.
"""
