"""Bounds to begin with: what `remit init` writes into a file, and what the console offers a tenant that has none."""

from __future__ import annotations

TEMPLATE = """\
# What agents of this tenant may do on their own; everything else asks a person.
# 'remit apply bounds.yaml --dry-run' shows what it would change, 'remit apply bounds.yaml' puts it in force.
# Every field is described in docs/configuration.md.
tenant: {tenant}

# What agents may propose at all, and what executes it.
action_types:
  REFUND_ORDER:
    risk_tier: LOW # MINIMAL and LOW may run without a person; MEDIUM and HIGH never do
    min_confidence: 0.8 # an agent that is less sure asks a person
    expires_after: 1d # nobody's answer is no yes: it expires
    # caller: whoever proposes it executes it (@remit.action). function: a worker that imports it does.
    # http: a request to a host of allowed_hosts. internal: a note or a task in Remit's own database.
    tool: {{connector: caller}}
    # JSON Schema: arguments that do not fit are the agent's mistake, and never a card for a person.
    parameters:
      type: object
      properties:
        order_id: {{type: string}}
        amount: {{type: number, exclusiveMinimum: 0}}
      required: [order_id, amount]
      additionalProperties: false

# What may ever run without a person: a hard stop, looked at before anything else.
allowlist: [REFUND_ORDER]

# AUTO_EXECUTE, APPROVAL_REQUIRED (a person answers), PROPOSE_ONLY or DISABLED; what is not named asks a person.
modes:
  default: APPROVAL_REQUIRED
  REFUND_ORDER: AUTO_EXECUTE

# How often a day, for each account. No budget is no autonomy.
budget:
  max_autonomous_per_day: 20
  max_per_action_type: {{REFUND_ORDER: 10}}
  timezone: UTC

# Where the http connector and webhooks may send requests.
# allowed_hosts: [crm.example.com]

# Rules of your own, in Cedar; they can only narrow what is said above (docs/policies.md).
# policies: [refunds.cedar]
"""
