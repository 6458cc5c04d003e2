"""
Remit on AWS: the CDK app, the state machine's definition, the packages of the functions, and a local cloud to try them.

Belongs here: which parts there are, how they are joined, who may do what. Does not: any rule of Remit; of its code
only the names of entry points appear.
"""
