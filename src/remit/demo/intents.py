"""Proposals of the demo's agents: every reason of the gate, repeats, and a far side in every mood."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

TENANT = "acme"


def _intent(name: str, account: str, action_type: str, target: str, **more: Any) -> dict[str, Any]:
    entity_type, entity_id = target.split("/")
    return {
        "action_intent_id": name,
        "tenant_id": TENANT,
        "account_id": account,
        "action_type": action_type,
        "target": {"entity_type": entity_type, "entity_id": entity_id},
        "proposed_by": "crm-agent",
        "confidence_score": 0.93,
        "risk_level": "LOW",
        **more,
    }


def stream(now: datetime) -> list[dict[str, Any]]:
    """The proposals in the order they come. `now` is aware UTC."""
    berlin, tokyo = "acct-berlin", "acct-tokyo"
    long_ago = now - timedelta(days=9)
    return [
        _intent(
            "note-1", berlin, "CREATE_INTERNAL_NOTE", "contact/c-1", parameters={"text": "asked about the invoice"}
        ),
        _intent("phone-1", berlin, "UPDATE_CONTACT", "contact/c-1", parameters={"phone": "+49 30 1234567"}),
        _intent("mail-1", berlin, "UPDATE_CONTACT", "contact/c-2", parameters={"email": "new@example.com"}),
        _intent("refund-small", berlin, "REFUND_ORDER", "order/o-17", parameters={"amount": 12.5}),
        _intent("refund-large", berlin, "REFUND_ORDER", "order/o-18", parameters={"amount": 480}),
        _intent("refund-odd", berlin, "REFUND_ORDER", "order/o-19", parameters={"amount": 0.00001}),
        _intent("phone-1", berlin, "UPDATE_CONTACT", "contact/c-1", parameters={"phone": "+49 30 1234567"}),
        _intent(
            "unsure", berlin, "UPDATE_CONTACT", "contact/c-3", confidence_score=0.41, parameters={"name": "J. Doe?"}
        ),
        _intent("risky", berlin, "UPDATE_CONTACT", "contact/c-4", risk_level="MEDIUM", parameters={"owner": "sales"}),
        _intent("delete-1", berlin, "DELETE_CONTACT", "contact/c-5"),
        _intent("merge-1", berlin, "MERGE_CONTACTS", "contact/c-6", parameters={"with": "c-7"}),
        _intent("sync-1", berlin, "RESTART_SYNC", "service/sync"),
        _intent("campaign-1", berlin, "SEND_CAMPAIGN", "list/newsletter", parameters={"template": "autumn"}),
        _intent("tokyo-1", tokyo, "UPDATE_CONTACT", "contact/c-8", parameters={"city": "Osaka"}),
        _intent("flaky-1", berlin, "UPDATE_CONTACT", "contact/c-flaky", parameters={"tier": "gold"}),
        _intent("dropped-1", berlin, "REFUND_ORDER", "order/o-drop", parameters={"amount": 20}),
        _intent("lost-1", berlin, "NOTIFY_CUSTOMER", "contact/c-9", parameters={"text": "we shipped it"}),
        _intent("mail-2", berlin, "UPDATE_CONTACT", "contact/c-10", parameters={"email": "ten@example.com"}),
        _intent("mail-3", berlin, "UPDATE_CONTACT", "contact/c-11", parameters={"email": "eleven@example.com"}),
        _intent("frozen-1", "acct-frozen", "CREATE_INTERNAL_NOTE", "contact/c-12", parameters={"text": "hello"}),
        _intent("newcomer-1", "acct-new", "CREATE_INTERNAL_NOTE", "contact/c-13", parameters={"text": "hello"}),
        _intent(
            "late-1",
            berlin,
            "CREATE_INTERNAL_NOTE",
            "contact/c-14",
            created_at=long_ago.isoformat(),
            expires_at=(long_ago + timedelta(days=1)).isoformat(),
        ),
        *(
            _intent(f"tokyo-note-{n}", tokyo, "CREATE_INTERNAL_NOTE", f"contact/c-2{n}", parameters={"text": "hi"})
            for n in range(1, 5)
        ),
    ]
