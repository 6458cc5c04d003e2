"""
Check the invariants of a ledger from its entries alone.

Entries come chain by chain, each chain from its first entry, as `export` writes them. One intent's
chain is checked and let go; what spans intents (windows, limits, seals) is kept small.

1 counters   a window's counter equals the unreleased policy approvals charged to it
2 limits     no charge was made above the limit of the bounds it saw
3 single     at most one unreleased approval and one outcome an intent; their source and `auto_executed` agree
4 bound      every execution points to an approval whose digest is the intent's
5 ends       every approval ends released, or published and then in an outcome or still running
6 chains     every chain is unbroken, and reaches the head that the seal names
7 tenants    nothing of one tenant or account stands under another

`verifier` takes the file apart into chains, `intent_chain` reads one intent's, `windows` and `seals` hold
what spans them. No repairing belongs here: what is wrong is a finding, never an exception.
"""

from remit.core.ledger.verification.report import INVARIANTS, Finding, Report
from remit.core.ledger.verification.seals import heads_named
from remit.core.ledger.verification.verifier import verify

__all__ = ["INVARIANTS", "Finding", "Report", "heads_named", "verify"]
