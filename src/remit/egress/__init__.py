"""
Reaching out over HTTP on behalf of a tenant, for every adapter that does.

`addresses.py` says where a request may go, by lists (`hosts.py`) and by kinds of addresses (`ranges.py`); `wire.py`
sends it once; `reach.py` lets none be sent elsewhere; `secrets.py` reads what a request needs, for tenants and hosts
that the operator listed (`secrets_manager.py`: on AWS), and keeps it out of what is left behind (`core/redaction.py`);
`post.py` brings a message to a receiver. Not here: what a request means, and whether it is sent again.
"""
