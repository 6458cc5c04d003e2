"""
The path of an intent, one file a step, and what is done beside it.

The path, in the order in which the data moves:

- `propose`: store the proposal and the first entry of its chain.
- `gate`: decide; charge, approve and reserve it, or put it in the queue.
- `review`: a person's approval, rejection, or finding about an unknown outcome.
- `ask`: a person's question to the agent, and its supplement.
- `publish`: hand an approval over to whatever executes it.
- `execute`: a package with a file for each of start, preflight, map, invoke and record.
- `erase`: what is kept of results goes, on time or on demand.
- `reconcile`: find what is due and nobody waits for; expire it.

Beside it, a package each:

- `settings`: a tenant's bounds and stop switches, API keys, sessions.
- `reading`: status, timeline, usage, export and verification, kept policies, measurements.
- `notifications`: count the days, collect what people want to be told, deliver it, and their subscriptions.

Shared by all: `context` (what every step is given), `writers` (what writes the chains), `one_write` (two units as one)
and `consumer` (reading on in a ledger).

Belongs here: which records a step reads, which rule of `core` it asks, and what it writes in one piece. Does not: a
comparison of statuses, times or limits (those are rules), or any database, bus or protocol by name. Steps do not call
each other; `remit.app` strings them together.
"""
