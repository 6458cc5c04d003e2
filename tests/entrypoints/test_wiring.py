"""From settings to a running Remit: what is refused, what tools may see, and that importing does nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

from remit import InvalidInput, Remit, TryLater
from remit.connectors.internal import InternalConnector
from remit.egress.secrets import ListedSecrets
from remit.entrypoints.cli import COMMANDS, app
from remit.entrypoints.server.worker import work
from remit.wiring import SystemClock, console_url, egress_of, notifiers, open_sender
from tests.waiting import PATIENCE_S

SOURCE = Path(__file__).parents[2] / "src"


# --- opening ---


@pytest.mark.parametrize("url", ["mysql://localhost/remit", "remit.db", "", "memory:", "SQLITE:///remit.db"])
def test_a_url_of_no_known_kind_is_refused_with_those_that_are(url):
    with pytest.raises(
        InvalidInput, match=r"use sqlite:///FILE, .*, dynamodb://TABLE or memory://|write sqlite:///.* for a file"
    ) as refused:
        Remit.open(url)

    assert refused.value.field == "database"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:remit.db"])
def test_a_sqlite_url_that_names_no_file_is_refused(url):
    with pytest.raises(InvalidInput, match=r"sqlite:///FILE"):
        Remit.open(url)


def test_a_missing_directory_is_named_and_not_made(tmp_path):
    missing = tmp_path / "missing"

    with pytest.raises(InvalidInput, match=f"the directory {missing} does not exist"):
        Remit.open(f"sqlite:///{missing}/remit.db")

    assert not missing.exists()


def test_a_server_that_does_not_answer_is_worth_another_try_and_its_password_is_not_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(TryLater, match="PostgreSQL") as failed:
        Remit.open(f"postgresql://remit:s3cret@127.0.0.1:{port}/remit")

    assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize("days", [-1, 0, 29, 91])
def test_a_state_may_not_live_shorter_or_longer_than_the_contract_says(tmp_path, days):
    with pytest.raises(InvalidInput, match="choose 30 to 90") as refused:
        Remit.open(f"sqlite:///{tmp_path}/remit.db", state_ttl_days=days)

    assert refused.value.field == "state_ttl_days"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("days", [30, 90])
def test_a_state_may_live_thirty_to_ninety_days(days):
    with Remit.open("memory://", state_ttl_days=days) as remit:
        assert remit.context.state_ttl_days == days


def test_a_closed_database_can_be_opened_again_and_holds_what_was_stored(tmp_path):
    url = f"sqlite:///{tmp_path}/remit.db"
    with Remit.open(url) as remit:
        remit.apply(_bounds(), by="ann")
        remit.submit([_proposal("i-1")])

    with Remit.open(url) as remit:
        assert remit.status("acme", "i-1")["status"] == "APPROVED"


def test_fresh_databases_that_one_process_opens_at_once_each_get_a_schema_of_their_own(tmp_path):
    def open_and_use(number):
        with Remit.open(f"sqlite:///{tmp_path}/{number}.db") as remit:
            _, after = remit.apply(_bounds(), by="ann")
            return after.config_sequence

    with ThreadPoolExecutor(4) as threads:
        sequences = list(threads.map(open_and_use, range(4)))

    assert sequences == [1] * 4


def test_time_and_source_come_from_where_the_opener_says():
    class Standing:
        def now(self):
            return datetime(2026, 3, 10, tzinfo=UTC)

    with Remit.open("memory://", clock=Standing(), event_source="acme.remit") as remit:
        remit.apply(_bounds(), by="ann")
        remit.submit([_proposal("i-1")])
        assert remit.why("acme", "i-1")["approval"]["approved_at"] == "2026-03-10T00:00:00Z"
        assert remit.context.event_source == "acme.remit"


def test_the_machines_clock_is_aware_utc():
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_what_calls_is_made_once_and_when_it_is_first_asked_for():
    with Remit.open("memory://") as remit:
        connectors, told_by = remit.context.connectors, remit.context.notifiers
        assert set(told_by) == {"webhook", "slack"} and "fax" not in connectors and connectors.get("fax") is None
        assert connectors["http"] is connectors["http"] and told_by["slack"] is told_by["slack"]


def test_an_own_connector_stands_beside_the_built_in_ones():
    class Fax:
        always_honours_key = False

        def check(self, tool):
            if "number" not in tool:
                raise InvalidInput("number", "is missing")

    with Remit.open("memory://", connectors={"fax": Fax()}) as remit:  # type: ignore[dict-item]
        assert set(remit.context.connectors) == {"internal", "http", "caller", "function", "fax"}
        assert isinstance(remit.context.connectors["internal"], InternalConnector)
        with pytest.raises(InvalidInput, match="is missing"):
            remit.apply(_bounds(tool={"connector": "fax"}), by="ann")


# --- what tools may see ---


def _secrets(listed, **environ):
    return ListedSecrets.parse(environ, listed)


@pytest.mark.parametrize("listed", ["", " , "])
def test_where_nothing_is_listed_tools_read_nothing(listed):
    assert _secrets(listed, CRM_TOKEN="t").find("acme", "CRM_TOKEN") is None


def test_a_secret_is_read_by_the_tenant_and_for_the_hosts_it_is_listed_for():
    listed = """acme:CRM_TOKEN@crm.example.com,
        acme:CRM_TOKEN@*.eu.example.com:8443, globex:OTHER@[::1]:443"""

    secrets = _secrets(listed, CRM_TOKEN="t", OTHER="o")

    found = secrets.find("acme", "CRM_TOKEN")
    assert found is not None and found.value == "t"
    assert found.goes_to("CRM.example.com.", 1) and found.goes_to("a.eu.example.com", 8443)
    assert not found.goes_to("eu.example.com", 8443) and not found.goes_to("a.eu.example.com", 443)
    assert secrets.find("globex", "CRM_TOKEN") is secrets.find("ACME", "CRM_TOKEN") is None
    assert secrets.find("acme", "OTHER") is secrets.find("acme", "REMIT_TOOL_ENVIRONMENT") is None


def test_a_tenant_whose_name_reads_like_an_entry_is_taken_as_it_is():
    secrets = _secrets("a:B@c:TOKEN@crm.example.com", TOKEN="t", B="b")

    assert secrets.find("a:B@c", "TOKEN") is not None
    assert secrets.find("a", "B") is None


@pytest.mark.parametrize(
    "listed",
    ["CRM_TOKEN", "CRM_TOKEN,OTHER", "acme:CRM_TOKEN", "CRM_TOKEN@crm.example.com", ":CRM_TOKEN@crm.example.com",
     "acme:crm_token@crm.example.com", "acme:CRM_TOKEN@", "acme:CRM_TOKEN@*", "acme:CRM_TOKEN@*.", "acme:CRM_TOKEN@a b",
     "acme:CRM_TOKEN@https://crm.example.com", "acme:CRM_TOKEN@crm.example.com:0", "acme:CRM_TOKEN@h:65536",
     "acme:CRM_TOKEN@10.0.0.0/8", "acme:CRM_TOKEN@127.1", "*:CRM_TOKEN@h", "acme:CRM_TOKEN@h acme:OTHER@h",
     "acme:CRM_TOKEN@crm.*.com", "acme:REMIT_DATABASE_URL@h", "acme:T@h,hunter2"],
)  # fmt: skip
def test_a_listed_secret_that_is_not_understood_is_refused_at_the_start(listed):
    with pytest.raises(InvalidInput) as refused:
        Remit.open("memory://", environ={}, settings={"REMIT_TOOL_ENVIRONMENT": listed})

    assert refused.value.field == "REMIT_TOOL_ENVIRONMENT"
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "listed",
    ["http://crm.internal", "10.0.0.5/8", "10.0.0.0/33", "127.1", "0x7f000001", "*", "a b", "crm.internal:port", "[::1",
     "010.0.0.1", "::1%eth0", "169.254.169.254", "169.254.0.0/16", "fe80::1", "fd00:ec2::254", "crm/8"],
)  # fmt: skip
def test_a_private_host_that_is_not_understood_or_never_called_is_refused_at_the_start(listed):
    with pytest.raises(InvalidInput) as refused:
        Remit.open("memory://", environ={}, settings={"REMIT_PRIVATE_HOSTS": f"127.0.0.1, {listed}"})

    assert refused.value.field == "REMIT_PRIVATE_HOSTS"


# --- in memory ---


def test_in_memory_a_worker_carries_out_what_was_approved_and_ends():
    done: list[str] = []
    with Remit.open("memory://") as remit:
        remit.apply(_bounds(), by="ann")
        remit.submit([_proposal("i-1"), _proposal("i-2"), _proposal("unsure", confidence_score=0.1)])

        work(remit, until_idle=True, on_done=done.append)

        assert done == ["SUCCEEDED", "SUCCEEDED"]
        assert remit.counts("acme") == {"SUCCEEDED": 2, "AWAITING_APPROVAL": 1}
        assert remit.verify("acme").ok


def test_two_that_are_opened_in_memory_share_nothing():
    with Remit.open("memory://") as one, Remit.open("memory://") as other:
        one.apply(_bounds(), by="ann")
        one.submit([_proposal("i-1")])

        work(other, until_idle=True)

        assert other.counts("acme") == {}
        assert one.counts("acme") == {"APPROVED": 1}


def test_with_publishing_off_an_approval_waits_for_another_process(tmp_path):
    url = f"sqlite:///{tmp_path}/remit.db"
    with Remit.open(url, publishing=False) as remit:
        remit.apply(_bounds(), by="ann")
        remit.submit([_proposal("i-1")])
        work_would_find = remit.reconcile()

        events = [entry["event_type"] for entry in remit.ledger("acme", "i-1")]

    assert work_would_find.published == 0
    assert "ACTION_APPROVED" in events
    assert "ACTION_PUBLISHED" not in events


# --- importing ---


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """The modules that asking for `Remit` loaded, and what it left behind in the directory it ran in."""
    directory = tmp_path_factory.mktemp("import")
    yield _python("from remit import Remit", directory), list(directory.iterdir())


def test_importing_remit_loads_no_database_and_no_engine(imported):
    loaded, _ = imported

    assert "remit.wiring" in loaded
    assert loaded.isdisjoint({"sqlalchemy", "alembic", "psycopg", "sqlite3", "boto3", "typer"})


def test_opening_in_memory_loads_no_database_and_no_engine(tmp_path):
    loaded = _python("import remit; remit.Remit.open('memory://').close()", tmp_path)

    assert loaded.isdisjoint({"sqlalchemy", "alembic", "psycopg"})
    assert list(tmp_path.iterdir()) == []


SERVING = {
    "fastapi",
    "starlette",
    "uvicorn",
    "httpx",
    "httpcore",
    "boto3",
    "botocore",
    "psycopg",
    "alembic",
    "sqlalchemy",
    "smtplib",
    "jsonschema_rs",
    "z3",
    "mcp",
}
"""What a command that reads a file has no use for."""


def _run(*line):
    """Code that runs one command line to its end."""
    return f"import sys; sys.argv[1:] = {list(line)}\nfrom remit.entrypoints.cli import app\napp(standalone_mode=False)"


def test_the_version_is_said_without_a_store_a_server_or_another_command(tmp_path):
    loaded = _python(_run("--version"), tmp_path)

    assert loaded.isdisjoint(SERVING | {"sqlalchemy", "cedarpy", "remit.wiring", "remit.app"})


DECIDING = {
    "remit.app.execution",
    "remit.app.gating",
    "remit.app.people",
    "remit.flow.execute",
    "remit.flow.gate",
    "remit.flow.review",
    "remit.core.gate.policy.mistakes",
}
LOOKING_BACK = {"remit.core.ledger.verification", "remit.flow.reading.replay", "remit.lab", "remit.core.report"}
CALLING = {
    *("remit.connectors.internal", "remit.connectors.http", "remit.connectors.caller", "remit.connectors.function"),
    *("remit.notifiers.webhook", "remit.notifiers.slack"),
}
"""What calls tools, looks facts up, or tells people: made by `Remit.open`, and loaded when it is first asked for."""
OF_KINDS_NOT_READ = {
    *("remit.core.identity.api_key", "remit.core.identity.session", "remit.core.notifications.browser"),
    *("remit.core.notifications.subscription", "remit.core.notifications.outbox", "remit.core.notifications.notice"),
}
UNUSED = {*CALLING, *OF_KINDS_NOT_READ, "cedarpy", "ssl", "rich.console", "statistics", "remit.app.settings"}


@pytest.mark.parametrize(
    ("line", "needs"),
    [
        (["status", "i-1"], {"cedarpy"}),
        (["why", "i-1"], {"cedarpy"}),
        (["queue"], {"cedarpy"}),
        (["usage"], set()),
        (["timeline"], set()),
        (["intents"], set()),
        (["sampled"], set()),
        (["overview"], set()),
        (["verify"], {"cedarpy", "remit.core.ledger.verification"}),
        (["report", "--from", "2026-01-01"], {"cedarpy", "remit.core.ledger.verification", "remit.core.report"}),
        (["export"], set()),
        (["ledger"], set()),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "",
)
def test_a_command_that_reads_loads_what_reads_and_nothing_else(tmp_path, line, needs):
    url = f"sqlite:///{tmp_path / 'remit.db'}"
    with Remit.open(url) as remit:
        remit.apply({"tenant": "acme"}, by="ann")
        remit.submit(_proposal("i-1"))

    loaded = _python(_run(*line, "--tenant", "acme", "--db", url), tmp_path)

    assert loaded & (SERVING | DECIDING | LOOKING_BACK | UNUSED) == needs
    assert not any(name.startswith("remit.entrypoints.server") for name in loaded)


def test_garbage_is_collected_from_where_a_command_begins_and_not_among_what_was_loaded(tmp_path):
    counted = "import gc; assert gc.isenabled() and gc.get_freeze_count() > 1000"

    _python(f"{_process_of('overview', '--tenant', 'acme', '--db', 'memory://')}\n{counted}", tmp_path)


def _process_of(*line):
    """Code that is the command line's process to the end, which it outlives."""
    run = "try:\n    main()\nexcept SystemExit:\n    pass"
    return f"import sys; sys.argv[1:] = {list(line)}\nfrom remit.__main__ import main\n{run}"


def test_every_command_is_in_the_module_that_is_said_to_have_it():
    group: Any = typer.main.get_command(app)

    assert [group.get_command(None, name).name for name in COMMANDS] == list(COMMANDS)


def test_importing_any_door_creates_nothing(imported, tmp_path):
    doors = "import remit.entrypoints.cli, remit.entrypoints.server.worker, remit.demo.story"

    _python(f"{doors}, remit.stores.sql", tmp_path)

    assert imported[1] == list(tmp_path.iterdir()) == []


def _python(code, cwd):
    """Run it in a fresh interpreter; the modules it had in the end."""
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{code}\nimport sys, threading\nassert threading.active_count() == 1\nprint(*sys.modules)",
        ],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert told.returncode == 0, told.stderr
    return set(told.stdout.split())


def _bounds(**changes):
    tool = changes.get("tool", {"connector": "internal", "operation": "create_note"})
    return {
        "tenant": "acme",
        "action_types": {"ADD_NOTE": {"risk_tier": "LOW", "tool": tool}},
        "allowlist": ["ADD_NOTE"],
        "modes": {"default": "AUTO_EXECUTE"},
        "budget": {"max_autonomous_per_day": 10},
    }


def _proposal(name, **changes):
    return {
        "action_intent_id": name,
        "tenant_id": "acme",
        "account_id": "north",
        "action_type": "ADD_NOTE",
        "target": {"entity_type": "contact", "entity_id": "c-1"},
        "parameters": {"text": "hello"},
        "confidence_score": 0.9,
        "risk_level": "LOW",
        "proposed_by": "agent",
        **changes,
    }


@pytest.mark.parametrize("url", ["sqs://bus", "eventbridge://", "eventbridge://bus?profile=mine", "bus", ""])
def test_a_sender_that_is_not_understood_is_refused(url):
    with pytest.raises(InvalidInput, match="eventbridge://BUS"):
        open_sender(url)


# --- telling people ---


def test_mail_is_a_channel_where_the_operator_named_a_server():
    mail = {"REMIT_SMTP_URL": "smtps://remit:pw@mail.example.com", "REMIT_MAIL_FROM": "remit@example.com"}

    secrets, egress = ListedSecrets.parse({}, ""), egress_of({})
    assert list(notifiers(secrets, egress, {})) == ["webhook", "slack"]
    assert list(notifiers(secrets, egress, mail)) == ["webhook", "slack", "email"]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"REMIT_SMTP_URL": "mail.example.com", "REMIT_MAIL_FROM": "remit@example.com"}, "REMIT_SMTP_URL"),
        ({"REMIT_SMTP_URL": "smtp://mail.example.com"}, "REMIT_MAIL_FROM"),
        ({"REMIT_CONSOLE_URL": "remit.example.com"}, "REMIT_CONSOLE_URL"),
        ({"REMIT_CONSOLE_URL": "https://remit.example.com/?next=x"}, "REMIT_CONSOLE_URL"),
        ({"REMIT_CONSOLE_URL": "https://ann:pw@remit.example.com"}, "REMIT_CONSOLE_URL"),
    ],
)
def test_a_setting_that_is_not_understood_is_refused_by_name(settings, field):
    with pytest.raises(InvalidInput) as refused:
        Remit.open("memory://", environ={}, settings=settings)

    assert refused.value.field == field


def test_the_console_s_place_is_taken_without_its_last_slash():
    assert console_url({}) is None
    assert console_url({"REMIT_CONSOLE_URL": "https://example.com/remit/"}) == "https://example.com/remit"
