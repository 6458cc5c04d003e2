"""
The web console: what Autopilot did, what needs a person, and the bounds.

A door like the others: it translates between pages and `remit.app` and decides nothing. Who is there comes
from the session, what they may do from `remit.core.identity.access`; every form carries its session's token.
"""

from remit.entrypoints.console.app import create_console

__all__ = ["create_console"]
