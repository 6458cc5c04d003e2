"""
Attacks on a running server: `./dev attack`.

`installation.py` starts a server with a quiet tenant and a hostile one; every other file holds the attacks of one kind,
each a function that says what it saw go wrong. `loads.py` keeps one going while `probes.py` measures the quiet tenant,
for `./dev bench --only isolation` too. Nothing here is part of the product.
"""
