"""
Reaching out over HTTP on behalf of a tenant, for every adapter that does.

`addresses.py` says where a request may go; `wire.py` sends it once; `reach.py` lets none be sent elsewhere;
`secrets.py` reads what a request needs from the environment and keeps it out of what is left behind; `post.py`
brings a message to a receiver. Not here: what a request means, and whether it is sent again.
"""
