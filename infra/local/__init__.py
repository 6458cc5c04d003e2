"""
The deployment's parts on loopback: DynamoDB Local, and moto for EventBridge, SQS and Step Functions.

Belongs here: stand-ins for what AWS does between our parts. Does not: a copy of anything that is deployed; the
handlers, the rules and the state machine's definition are the real ones.
"""
