"""
The refund rule as docs/policies.md recommends it, read out of that page, and refunds of -30, 0 and 30.

A refund of -30 must not run without a person. Why: users copy the documented rule, and "at most 50" holds for every
negative amount, which at a far side is a charge.

In place of the case of the same name: `PYTHONPATH` holds more than one folder, and the page lies beside the first.
"""

import os
import re
from pathlib import Path

from common import NOTE, apply, bounds, finish, intent, must, propose

page = (Path(os.environ["PYTHONPATH"].split(os.pathsep)[0]).parent / "docs/policies.md").read_text()
found = [
    block for block in re.findall(r"```cedar\n(.*?)```", page, re.DOTALL) if "REFUND" in block and "amount" in block
]
must(found, "docs/policies.md shows no refund rule any more; look which rule users copy")
if found:
    print(found[0])
    types = {"REFUND_ORDER": {"risk_tier": "LOW", "tool": NOTE}}
    policies = [{"name": "refunds.cedar", "text": found[0]}]
    apply(bounds(action_types=types, allowlist=list(types), policies=policies))
    for amount in (30, -30, -0.01, 0, 500):
        said = propose(intent(f"i{amount}", action_type="REFUND_ORDER", parameters={"amount": amount}))[0]
        print(amount, said.get("result"), said.get("reason") or said.get("message"))
        if amount in (30, -30, -0.01):
            must(
                (said.get("result") == "AUTO_EXECUTED") == (amount == 30),
                f"by the documented rule a refund of {amount} gives {said.get('result')}",
            )
finish()
