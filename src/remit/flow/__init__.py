"""
The path of an intent, one file a step, and what is done beside it.

The path, in the order in which the data moves:

- `propose`: store the proposal and the first entry of its chain.
- `gate`: decide; charge, approve and reserve it, or put it in the queue.
- `submit`: both in one write, and the begin of what its caller executes.
- `review`: a person's approval, its undoing, a rejection, or a finding about an unknown outcome.
- `ask`, `assign`: a person's question to the agent and its supplement; whose card a waiting intent is.
- `decide_again`: what waits, looked at anew by the bounds as they are.
- `withdraw`: its proposer takes it back.
- `publish`: hand an approval over to whatever executes it.
- `execute`: a package with a file for each of start, preflight, map, invoke and record.
- `judge`: a person's word on an automatic action that was sampled, and the stop that it may bring about.
- `erase_results`, `erase_private`: what is kept of results and private values goes, on time or on demand.
- `drop_windows`: counters of windows that are long over go.
- `reconcile`: find what is due and nobody waits for; expire it.
- `recover`: after a restore from a backup, end what may have run.
- `migrate`, `migrate_consumers`: copy everything into another database.

Beside it, a package each:

- `settings`: a tenant's bounds and stop switches, API keys, sessions, proofs.
- `reading`: status, timeline, usage, export and verification, kept policies, replays, measurements.
- `notifications`: count the days, collect what people want to be told, deliver it, and their subscriptions.

Asked by several steps: `facts` and `fact_lookups` (ahead of a decision, or of a call), `obstacles` (what keeps a
waiting intent from being carried out), `amounts`, `breakers` (of tools that keep failing), `private_values`,
`queue_limit`, `mark_waiting`, `policies_ahead` (tried out before a write compiles them) and `kept_policies`.

Shared by all: `context` (what every step is given, and where it finds an intent), `writers` (what writes the chains),
`one_write` (two units as one), `consumer` (reading on in a ledger) and `pages`.

Belongs here: which records a step reads, which rule of `core` it asks, and what it writes in one piece. Does not: a
comparison of statuses, times or limits (those are rules), or any database, bus or protocol by name. Steps do not call
each other; `remit.app` strings them together.
"""
