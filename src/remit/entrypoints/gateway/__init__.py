"""
The MCP gateway: stands before any number of MCP servers and makes an action intent of every call of a tool.

Belongs here: what the protocol asks for, and who is connected to whom. Does not: whether a call may run. It is a client
of a Remit server, over HTTP, as every adapter for agents is (`remit.agents`), and knows nothing else of Remit.

Read it in this order: `settings` (the file), `tools` (a tool and the intent that its call is), `names` (what a call is
called), `upstream` (a server behind), `calls` (one guarded call on its way), `dialect` and `tasks` (what waits, in the
client's words), `server` (the protocol), `stdio`, `serve` (stdio and HTTP), `discover` (bounds out of tools).
"""
