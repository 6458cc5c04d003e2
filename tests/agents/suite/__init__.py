"""
One conformance suite for everything that stands before an agent's tools.

`scenarios` says once what happens, `desk` does it (with Remit, or with a framework alone), a driver in `drivers` is one
framework, run in a process of its own each time, and `test_conformance` says what must be so afterwards. Another way to
put Remit before a tool is another driver (`jobs.Driver`), and nothing else.
"""
