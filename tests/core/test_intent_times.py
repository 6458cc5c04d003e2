"""Times of proposals: RFC 3339, whatever else this release of Python would read."""

import pytest

from remit.core.errors import InvalidInput
from remit.core.proposal import parse_proposal

PROPOSAL = {
    "tenant_id": "acme",
    "account_id": "north",
    "action_type": "UPDATE_CONTACT",
    "parameters": {},
    "proposed_by": "agent",
}


@pytest.mark.parametrize(
    "text",
    [
        "2030-01-01T00:00Z",
        "2030-01-01T00Z",
        "2030-01-01T24:00:00Z",
        "2030-01-01T00:00:00,5Z",
        "2030-01-01T00:00:00+05",
        "2030-01-01T00:00:00+0530",
        "2030-01-01T00:00:00+05:30:15",
        "2030-W01-1T00:00:00Z",
        "20300101T000000Z",
        "2030-01-01T00:00:60Z",
        "2030-02-30T00:00:00Z",
        "2030-01-01T00:00:00",
        "1893456000",
    ],
)
def test_what_is_no_rfc_3339_is_refused(text):
    with pytest.raises(InvalidInput) as refused:
        parse_proposal({**PROPOSAL, "expires_at": text})

    assert refused.value.field == "expires_at"


@pytest.mark.parametrize(
    "text",
    ["2030-01-01T00:00:00Z", "2030-01-01 00:00:00.123456+00:00", "2030-01-01t05:30:00+05:30", "2030-01-01t00:00:00z"],
)
def test_what_is_rfc_3339_is_taken(text):
    expires = parse_proposal({**PROPOSAL, "expires_at": text}).expires_at

    assert expires.isoformat().startswith("2030-01-01T00:00:00")
