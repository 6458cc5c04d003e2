"""
Verification finds each broken invariant, and only that one, in a file whose hashes are all right again.

Each mutation is made on a real export, renumbered and rehashed up to the seal: what is found is found by
looking at what the entries say.
"""
