"""
From settings to a running Remit. The only file that names adapters; nothing happens at import.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import uuid_utils

from remit.app import App
from remit.app.part import MadeOnDemand, OnDemand
from remit.core.errors import InvalidInput
from remit.core.execution.approval import DEFAULT_SOURCE, STATE_TTL_DAYS, check_ttl_days
from remit.core.execution.breaker import PAUSE_AFTER, BreakerRules
from remit.core.gate.action_type import CALLER, FUNCTION
from remit.core.url_options import url_options
from remit.core.whole_numbers import whole_number
from remit.egress.hosts import PRIVATE_HOSTS, PrivateHosts
from remit.egress.reach import Egress
from remit.egress.secrets import TOOL_ENVIRONMENT, ListedSecrets, SecretSource
from remit.flow.context import MOST_WAITING, Context
from remit.notifiers import SLACK_API_URL
from remit.policy_sandbox import ProcessSandbox
from remit.ports import (
    Clock,
    Connector,
    FactLookup,
    MigrationSource,
    MigrationTarget,
    Notifier,
    SendingPublisher,
    Store,
    WorkerFunction,
)

if TYPE_CHECKING:
    from remit.connectors.http import HttpFacts
    from remit.core.gate.fact import FactSpec
    from remit.stores.dynamodb import DynamoStore

DEFAULT_URL = "sqlite:///remit.db"


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def egress_of(settings: Mapping[str, str]) -> Egress:
    """
    The way out for tenants' requests; `REMIT_PRIVATE_HOSTS` is what may be called beside public addresses.

    Raises `InvalidInput` for a setting that is not understood.
    """
    return Egress(PrivateHosts.parse(settings.get(PRIVATE_HOSTS, "")))


def notifiers(secrets: SecretSource, egress: Egress, settings: Mapping[str, str]) -> MadeOnDemand[Notifier]:
    """
    The channels by which people are told. `secrets` says what a tenant's subscriptions may refer to as `${NAME}`.

    E-mail is among them if the operator's `settings` name a server: `REMIT_SMTP_URL`, and `REMIT_MAIL_FROM`. So is Web
    Push if they hold a key and whom to write to about it: `REMIT_PUSH_KEY`, and `REMIT_PUSH_CONTACT`.
    Raises `InvalidInput` for one that is not understood.
    """
    channels = MadeOnDemand[Notifier](
        {
            "webhook": partial(_webhook, secrets, egress),
            "slack": partial(_slack, secrets, egress, slack_api_url(settings)),
        }
    )
    if url := settings.get("REMIT_SMTP_URL"):
        # Imported here: Python's own packages for mail take their time, and mostly no mail is sent.
        from remit.notifiers.smtp import MailServer, SmtpNotifier

        channels["email"] = SmtpNotifier(MailServer.parse(url, settings.get("REMIT_MAIL_FROM", "")))
    if key := settings.get("REMIT_PUSH_KEY"):
        # Imported here: who has nobody told by push needs no cryptography.
        from remit.notifiers.push import PushKey, PushNotifier

        channels["push"] = PushNotifier(PushKey.parse(key, settings.get("REMIT_PUSH_CONTACT", "")), egress)
    return channels


def _webhook(secrets: SecretSource, egress: Egress) -> Notifier:
    from remit.notifiers.webhook import WebhookNotifier

    return WebhookNotifier(secrets, egress)


def _slack(secrets: SecretSource, egress: Egress, api_url: str) -> Notifier:
    from remit.notifiers.slack import SlackNotifier

    return SlackNotifier(secrets, egress, api_url)


def new_push_key() -> str:
    """A key for `REMIT_PUSH_KEY`: whoever has it signs as this installation."""
    # Imported here: who has nobody told by push needs no cryptography.
    from remit.notifiers.push import new_key

    return new_key()


def console_url(settings: Mapping[str, str]) -> str | None:
    """`REMIT_CONSOLE_URL`: where people reach the console, for links in what they are told. Raises `InvalidInput`."""
    url = settings.get("REMIT_CONSOLE_URL")
    if url and not re.fullmatch(r"https?://[^\s?#@<>|]+", url):
        raise InvalidInput("REMIT_CONSOLE_URL", "is not an http or https URL", "write https://remit.example.com")
    return url.rstrip("/") if url else None


def slack_api_url(settings: Mapping[str, str]) -> str:
    """`REMIT_SLACK_API_URL`: where Slack's Web API is, if not at slack.com. Raises `InvalidInput`."""
    url = settings.get("REMIT_SLACK_API_URL", SLACK_API_URL)
    if not re.fullmatch(r"https?://[^\s?#@<>|]+", url):
        raise InvalidInput("REMIT_SLACK_API_URL", "is not an http or https URL", f"write {SLACK_API_URL}")
    return url.rstrip("/")


def most_waiting(settings: Mapping[str, str]) -> int | None:
    """`REMIT_MOST_WAITING`: how many intents of one proposer may wait for people, 0 for no limit."""
    text = settings.get("REMIT_MOST_WAITING", str(MOST_WAITING))
    number = whole_number(text)
    if number is None:
        raise InvalidInput("REMIT_MOST_WAITING", f"is {text[:50]!r}", "set it to a whole number, or to 0 for no limit")
    return number or None


def breaker_rules(settings: Mapping[str, str]) -> BreakerRules | None:
    """`REMIT_PAUSE_TOOL_AFTER`: how many calls of a tool may fail in a row before it is paused, 0 for never to."""
    text = settings.get("REMIT_PAUSE_TOOL_AFTER", str(PAUSE_AFTER))
    number = whole_number(text)
    if number is None:
        raise InvalidInput("REMIT_PAUSE_TOOL_AFTER", f"is {text[:50]!r}", "set it to a whole number, or to 0 for never")
    return BreakerRules(pause_after=number) if number else None


def uuid7() -> str:
    """A new id, in the order of time."""
    return str(uuid_utils.uuid7())


class Remit(App):
    """
    Remit over one database.

    >>> with Remit.open("memory://") as remit:
    ...     remit.usage("acme")["accounts"]
    []
    """

    url: str

    @classmethod
    def open(
        cls,
        url: str = DEFAULT_URL,
        *,
        clock: Clock | None = None,
        connectors: Mapping[str, Connector] | None = None,
        functions: Iterable[WorkerFunction] = (),
        environ: Mapping[str, str] | None = None,
        secrets: SecretSource | None = None,
        settings: Mapping[str, str] | None = None,
        event_source: str = DEFAULT_SOURCE,
        state_ttl_days: int = STATE_TTL_DAYS[1],
        sender: SendingPublisher | None = None,
        publishing: bool = True,
        create: bool = True,
    ) -> Self:
        """
        Open, and on first use create, the database at `url`: `sqlite:///file.db`, `postgresql://…`, or `memory://`.
        A table on DynamoDB is opened and never created: `dynamodb://TABLE?region=…&endpoint_url=…`, where what is
        left out comes from the environment.

        `connectors` are added to `internal`, `http`, `function` and `caller`; `functions` are what a worker of this
        process runs (`remit.action` with `execute="worker"`). `settings` is what the operator sets: for which tenants
        and hosts tools may read which variable of `environ` (`REMIT_TOOL_ENVIRONMENT`), what may be called beside
        public addresses (`REMIT_PRIVATE_HOSTS`), how many intents of one proposer may wait (`REMIT_MOST_WAITING`),
        when a tool that keeps failing is paused (`REMIT_PAUSE_TOOL_AFTER`), and how people are told (`notifiers`,
        `console_url`). Both are this process's
        environment if left out. `secrets` replaces the variables by another source. `sender` (`open_sender`) publishes
        over a wire, in place of the queue that the database itself is. With `publishing` off, and on DynamoDB
        without a `sender`, approvals stay reserved until another process publishes them.

        Raises `InvalidInput` for a url or a setting that is not understood, `TryLater` if the database
        does not answer, and `NoDatabase` if there is none and it is not to `create` one.
        """
        check_ttl_days(state_ttl_days)
        settings = os.environ if settings is None else settings
        listed = ListedSecrets.parse(os.environ if environ is None else environ, settings.get(TOOL_ENVIRONMENT, ""))
        secrets, egress = listed if secrets is None else secrets, egress_of(settings)
        channels, links = notifiers(secrets, egress, settings), console_url(settings)
        store = _open_store(url, create)
        known = _own_connectors(store, secrets, egress, functions)
        known.update(connectors or {})
        queues = sender is None and not url.startswith("dynamodb:")
        publishing = publishing and (sender is not None or queues)
        context = Context(
            store=store,
            new_id=uuid7,
            connectors=known,
            event_source=event_source,
            state_ttl_days=state_ttl_days,
            notifiers=channels,
            console_url=links,
            publishes=publishing and queues,
            policy_sandbox=ProcessSandbox(),
            fact_source=_HttpFactsOnDemand(secrets, egress),
            most_waiting=most_waiting(settings),
            breaker=breaker_rules(settings),
        )
        remit = cls(context, clock or SystemClock(), sender=sender, publishing=publishing, on_close=store.close)
        remit.url = url
        return remit


def _own_connectors(
    store: Store, secrets: SecretSource, egress: Egress, functions: Iterable[WorkerFunction]
) -> MadeOnDemand[Connector]:
    """Each is loaded when an intent or its action type asks for it: who reads mostly does not."""
    connectors = MadeOnDemand[Connector](
        {
            "internal": partial(_internal, store),
            "http": partial(_http, secrets, egress),
            FUNCTION: partial(_function, ()),
            CALLER: _caller,
        }
    )
    if functions := tuple(functions):
        # Two of one action type are refused where they are given.
        connectors[FUNCTION] = _function(functions)
    return connectors


def _internal(store: Store) -> Connector:
    from remit.connectors.internal import InternalConnector

    return InternalConnector(store)


def _http(secrets: SecretSource, egress: Egress) -> Connector:
    from remit.connectors.http import HttpConnector

    return HttpConnector(secrets, egress)


def _function(functions: Iterable[WorkerFunction]) -> Connector:
    from remit.connectors.function import FunctionConnector

    return FunctionConnector(functions)


def _caller() -> Connector:
    from remit.connectors.caller import CallerConnector

    return CallerConnector()


class _HttpFactsOnDemand:
    """The facts of tenants' own systems over HTTP (`HttpFacts`), loaded with the first that is asked about."""

    def __init__(self, secrets: SecretSource, egress: Egress) -> None:
        self._secrets, self._egress = secrets, egress

    @OnDemand
    def _facts(self) -> HttpFacts:
        from remit.connectors.http import HttpFacts

        return HttpFacts(self._secrets, self._egress)

    def check(self, fact: FactSpec, allowed_hosts: Sequence[str]) -> None:
        self._facts.check(fact, allowed_hosts)

    def map(self, fact: FactSpec, fields: Mapping[str, Any]) -> dict[str, Any]:
        return self._facts.map(fact, fields)

    def get(self, lookup: FactLookup) -> bytes:
        return self._facts.get(lookup)


def open_source(url: str, *, stopped: bool = False) -> MigrationSource:
    """
    The database that a migration copies. Of one on DynamoDB, `stopped` is the operator's word that nothing writes.

    Raises `InvalidInput`, `TryLater` and `NoDatabase`, as `Remit.open` does.
    """
    if url.startswith("dynamodb:"):
        store = _open_dynamodb(url)
        from remit.stores.dynamodb.migrating import DynamoSource, for_migration

        return DynamoSource(for_migration(store), stopped=stopped)
    _check_sql("FROM", url)
    from remit.stores.sql.migrating import SqlSource

    return SqlSource(url)


def open_target(url: str) -> MigrationTarget:
    """
    The database that a migration fills: from here on it opens for nothing else until that is done, if it holds nothing.

    A table on DynamoDB is not created. Raises as `open_source` does.
    """
    if url.startswith("dynamodb:"):
        store = _open_dynamodb(url)
        from remit.stores.dynamodb.migrating import DynamoTarget, for_migration

        return DynamoTarget(for_migration(store))
    _check_sql("TO", url)
    from remit.stores.sql.migrating import SqlTarget

    return SqlTarget(url)


def _check_sql(field: str, url: str) -> None:
    if not url.startswith(("sqlite:", "postgresql:")):
        raise _not_understood(field, url, "use sqlite:///FILE, postgresql://… or dynamodb://TABLE")


def _not_understood(field: str, url: str, way_out: str) -> InvalidInput:
    """With what to write in its place, where that can be told. A URL is not said whole: it may hold a password."""
    scheme, slashes, _ = url.partition("://")
    if not slashes:
        way_out = f"write sqlite:///{url} for a file"
    elif scheme in ("postgres", "postgresql+psycopg", "postgresql+psycopg2"):
        way_out = f"write postgresql:// in the place of {scheme}://"
    return InvalidInput(field, f"{scheme!r} is not understood", way_out)


def open_sender(url: str) -> SendingPublisher:
    """
    The sender of approvals: `eventbridge://BUS`, with `?region=…&endpoint_url=…` where they are not the usual ones.

    Raises `InvalidInput` for a url that is not understood.
    """
    parts = urlsplit(url)
    options = url_options(parts.query, ("region", "endpoint_url"))
    if parts.scheme != "eventbridge" or not parts.netloc or options is None:
        raise InvalidInput("sender", f"{url!r} is not understood", "use eventbridge://BUS?region=…&endpoint_url=…")
    # Imported here: only who sends needs boto3.
    from remit.publishers.eventbridge import EventBridgePublisher

    return EventBridgePublisher.open(parts.netloc, **{name: said for name, said in options.items() if said})


def open_secrets(prefix: str) -> SecretSource:
    """Tools' secrets in AWS Secrets Manager, whose names begin with `prefix`."""
    # Imported here: only who reads them there needs boto3.
    from remit.egress.secrets_manager import SecretsManager

    return SecretsManager.open(prefix)


def operators_secret(secret_id: str) -> str | None:
    """A secret of the deployment's own in AWS Secrets Manager; `None` if there is none. Raises `TryLater`."""
    # Imported here: only who reads them there needs boto3.
    from remit.egress import secrets_manager

    return secrets_manager.operators_secret(secret_id)


def _open_store(url: str, create: bool) -> Store:
    if url == "memory://":
        from remit.stores.memory import MemoryStore

        return MemoryStore()
    if url.startswith("dynamodb:"):
        return _open_dynamodb(url)
    if not url.startswith(("sqlite:", "postgresql:")):
        raise _not_understood("database", url, "use sqlite:///FILE, postgresql://…, dynamodb://TABLE or memory://")
    # Imported here: a store in memory needs none of it.
    from remit.stores.sql import SqlStore

    return SqlStore.open(url, create=create)


def _open_dynamodb(url: str) -> DynamoStore:
    try:
        from remit.stores.dynamodb import open_store
    except ModuleNotFoundError as error:
        if error.name not in ("boto3", "botocore"):
            raise
        raise InvalidInput("database", "dynamodb:// needs boto3", "install remit[aws]") from error
    return open_store(url)
