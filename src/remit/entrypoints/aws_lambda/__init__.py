"""
The doors of AWS: one module a Lambda function, each with a `handler`.

They translate between events and `remit.app` and decide nothing. What is the caller's mistake is an answer; what
may be sent again (`TryLater`, `OutcomeUnknown`) is raised, because whoever invoked the function then sends it again:
the event bus, the schedule, the state machine. `entry` puts logs, metrics and traces around each; `process` opens
Remit once.
"""
