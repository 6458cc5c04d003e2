"""The table: its shape, where things are in it, and how it is opened."""

import socket
import sys
from urllib.parse import urlsplit

import pytest

from remit.core.errors import InvalidInput, RemitError
from remit.core.records import KINDS, STOPS, THE_ONE, Key, case_key
from remit.core.values import PLATFORM
from remit.ports import DELIVERED, Receipt
from remit.stores.dynamodb import table_shape
from remit.stores.dynamodb.layout import parts_of, record_key
from remit.testing.samples import NOON, OTHER, TENANT, appending, make_case, make_entry, make_object, putting
from remit.wiring import Remit

from ..flow.world import bounds, proposal


@pytest.fixture
def store(open_store):
    return open_store("dynamodb")


@pytest.fixture
def items(dynamodb_client, dynamodb_table):
    """Everything in the table."""
    return lambda: dynamodb_client.scan(TableName=dynamodb_table)["Items"]


def test_the_table_that_is_made_has_the_shape_that_is_told(dynamodb_client, dynamodb_table):
    made = dynamodb_client.describe_table(TableName=dynamodb_table)["Table"]
    lives = dynamodb_client.describe_time_to_live(TableName=dynamodb_table)["TimeToLiveDescription"]

    told = table_shape()
    assert made["KeySchema"] == told["KeySchema"]
    assert made["BillingModeSummary"]["BillingMode"] == told["BillingMode"] == "PAY_PER_REQUEST"
    indexes = {index["IndexName"]: index for index in made["GlobalSecondaryIndexes"]}
    for index in told["GlobalSecondaryIndexes"]:
        assert indexes[index["IndexName"]]["KeySchema"] == index["KeySchema"]
        assert indexes[index["IndexName"]]["Projection"] == index["Projection"]
    assert len(indexes) == len(told["GlobalSecondaryIndexes"])
    assert lives == {"TimeToLiveStatus": "DISABLED"}


def test_the_local_one_listens_on_loopback_alone(dynamodb_endpoint):
    """Another address of this machine, that a server which listens on all of them answers at."""
    with socket.socket() as caller, pytest.raises(OSError):
        caller.settimeout(5)
        caller.connect(("127.0.0.2", urlsplit(dynamodb_endpoint).port))


def test_every_partition_names_its_tenant_first_and_the_kind_next(store, items):
    store.transact(
        [
            putting((case_key(tenant, "i-1"), make_case(tenant=tenant, status="BLOCKED", due_at=NOON)))
            for tenant in (TENANT, OTHER)
        ]
    )
    store.transact([putting(make_object()), appending(make_entry(), make_entry(None, account=None))])

    begins = {item["pk"]["S"].rpartition("#")[0] for item in items() if not item["pk"]["S"].startswith("*")}

    assert begins == {"acme#cases", "globex#cases", "acme#internal_objects", "acme#ledger"}


def test_what_every_intent_writes_is_spread_and_what_a_tenant_has_one_of_is_not():
    partitions = {record_key(("cases", TENANT, f"i-{number}"))[0] for number in range(1000)}

    assert len(partitions) == parts_of("cases") == 8
    assert all(
        parts_of(kind) >= 4 for kind in KINDS if KINDS[kind].contended and kind not in ("chain_heads", "api_keys")
    )
    assert parts_of(STOPS.name) == 1


def test_a_tenant_is_marked_once_and_the_platform_may_be_one(store, items):
    for number in range(3):
        store.transact([putting(make_object(f"o-{number}"))])
    store.transact([putting(make_object("o-1", tenant=PLATFORM))])

    marks = [item["sk"]["S"] for item in items() if item["pk"]["S"] == "*tenants"]
    assert sorted(marks) == sorted(store.tenants()) == [PLATFORM, TENANT]


class Arrived:
    """A publisher that sends."""

    def __init__(self):
        self.messages = []

    def send(self, messages):
        self.messages += messages
        return [Receipt(DELIVERED) for _ in messages]


def _bounds():
    return bounds(
        action_types={
            "UPDATE_CONTACT": {"risk_tier": "LOW", "tool": {"connector": "internal", "operation": "create_note"}}
        },
        allowlist=["UPDATE_CONTACT"],
    )


@pytest.fixture
def url(dynamodb_endpoint, dynamodb_table):
    return f"dynamodb://{dynamodb_table}?region=eu-central-1&endpoint_url={dynamodb_endpoint}&settle_s=0"


def test_remit_is_opened_by_url_and_publishes_through_its_sender(url):
    sender = Arrived()
    with Remit.open(url, sender=sender) as remit:
        remit.apply(_bounds(), by="ann")

        answer = remit.submit(proposal())

        assert answer.result == "AUTO_EXECUTED"
        assert [message.data["approval_id"] for message in sender.messages] == [answer.approval_id]
        assert remit.verify(TENANT).ok


def test_without_a_sender_approvals_wait_for_a_process_that_has_one(url):
    with Remit.open(url) as remit:
        remit.apply(_bounds(), by="ann")
        answer = remit.submit(proposal())

        assert (answer.result, answer.already_published) == ("AUTO_EXECUTED", False)
        case_at = case_key(TENANT, "i-1")
        assert remit.context.store.read([case_at]).get(case_at).publication.status == "RESERVED"


def test_a_table_is_never_created_by_opening_it(dynamodb_endpoint, dynamodb_client):
    with (
        Remit.open(f"dynamodb://no-such-table?region=eu-central-1&endpoint_url={dynamodb_endpoint}") as remit,
        pytest.raises(InvalidInput, match="no DynamoDB table"),
    ):
        remit.check_ready()

    assert "no-such-table" not in dynamodb_client.list_tables()["TableNames"]


@pytest.mark.parametrize(
    "url",
    [
        "dynamodb://",
        "dynamodb://table/more",
        "dynamodb://table?regoin=eu-central-1",
        "dynamodb://table?settle_s=soon",
        "dynamodb://table?region=eu-central-1&endpoint_url=nonsense",
    ],
)
def test_a_url_that_is_not_understood_is_the_callers_mistake(url):
    with pytest.raises(InvalidInput, match="dynamodb://TABLE"):
        Remit.open(url)


def test_without_boto3_it_is_said_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("remit.stores.dynamodb")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.setitem(sys.modules, "botocore", None)

    with pytest.raises(InvalidInput, match=r"remit\[aws\]"):
        Remit.open("dynamodb://table")


def test_the_platform_s_stops_hold_for_every_tenant(store):
    stops_at = Key(STOPS, PLATFORM, THE_ONE)

    assert store.read([stops_at]).get(stops_at) is None
    assert PLATFORM not in store.tenants()


def test_a_case_that_a_newer_version_wrote_does_not_hold_up_what_is_due(store, dynamodb_client, dynamodb_table, items):
    fields = {"status": "APPROVED", "due_at": NOON}
    cases = [make_case(id, tenant=tenant, **fields) for tenant, id in ((TENANT, "a"), (OTHER, "b"))]
    store.transact([putting((case_key(case.tenant_id, case.action_intent_id), case)) for case in cases])
    (newer,) = [item for item in items() if item["sk"]["S"] == "a" and "#cases#" in item["pk"]["S"]]
    body = newer["body"]["S"].replace("APPROVED", "OF_A_NEWER_VERSION")
    dynamodb_client.put_item(TableName=dynamodb_table, Item={**newer, "body": {"S": body}})

    assert [case.tenant_id for case in store.due(NOON, 10)] == [OTHER]
    with pytest.raises(RemitError, match="version"):
        store.read([case_key(TENANT, "a")])
