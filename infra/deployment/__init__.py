"""
The CDK constructs: records, events, functions, the state machine, the APIs, and what watches them.

Belongs here: resources and who may do what with them. Does not: what they are made from, which is data one level up.
"""
