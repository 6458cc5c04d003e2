"""
Check the invariants of a ledger from its entries alone.

Entries come chain by chain, each chain from its first entry, as `export` writes them, and the tenant's own chain is
known before. One intent's chain is checked and let go; of what spans intents little is kept: a few numbers a window,
and the changes of the bounds.

1 counters   a window's counter equals the unreleased policy approvals charged to it
2 limits     no charge was made above the limit of the bounds it saw
3 single     at most one unreleased approval and one outcome an intent; their source and `auto_executed` agree
4 bound      every execution points to an approval whose digest is the intent's
5 ends       every approval ends released, or published and then in an outcome or still running
6 chains     every chain is unbroken, and reaches the head that the seal names
7 tenants    nothing of one tenant or account stands under another
8 in force   what decided is what the ledger says was in force, and every live row follows from entries

`lines` reads entries that are just as Remit writes them in a quick way. `tenant_chain` reads the tenant's own chain;
`verifier` takes the rest apart into chains, `intent_chain`, `decision_checks` and `in_force` read one intent's, and
`agreed` remembers what was right of decisions, so that it is not worked out again for others that say the same;
`windows`, `seals` and `kept_heads` hold what spans chains, `parts` puts together what was read in parts, `rows` says
what a live row has to be.
No repairing belongs here: what is wrong is a finding, never an exception.
"""

from remit.core.ledger.verification.kept_heads import KeptHead, heads_of
from remit.core.ledger.verification.lines import (
    UnreadableLine,
    is_of_intent,
    may_be_own,
    read_line,
    sound_entry,
    written_line,
)
from remit.core.ledger.verification.parts import Part, PartReader, may_begin_part, verify_parts
from remit.core.ledger.verification.report import INVARIANTS, Finding, Report
from remit.core.ledger.verification.seals import listed_heads
from remit.core.ledger.verification.verifier import verify

__all__ = [
    "INVARIANTS",
    "Finding",
    "KeptHead",
    "Part",
    "PartReader",
    "Report",
    "UnreadableLine",
    "heads_of",
    "is_of_intent",
    "listed_heads",
    "may_be_own",
    "may_begin_part",
    "read_line",
    "sound_entry",
    "verify",
    "verify_parts",
    "written_line",
]
