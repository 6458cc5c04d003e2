"""What a deployment can be told, as context of the CDK app: `./dev deploy -c name=remit-test -c retain=false`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from remit.core.errors import InvalidInput
from remit.core.values import check_identifier
from remit.entrypoints.web.settings import groups_from


@dataclass(frozen=True, slots=True)
class Settings:
    """
    `name` is the stack's, the bus's and what every other name begins with.

    With `retain`, the table, its key and the logs outlive the stack, and the table cannot be deleted. Without
    `oidc_issuer` and `oidc_audience` there is no Status API; `http_door` is the whole door on a URL of its own.
    `alarm_email` is written to when an alarm goes off. Days are those of logs and of the bus's archive.
    `private_hosts` may be called beside public addresses. `console_url` is where people reach the console, for links
    in what they are told; with `oidc_client_id`, a public client of the issuer, they sign in there through it. A token
    with `oidc_accounts_claim` is for those accounts alone, one with `oidc_on_behalf_of_claim` bound to that principal.
    With `oidc_tenant` everybody is of that one; with `oidc_groups`, the JSON of `REMIT_OIDC_GROUPS`, roles come from
    the groups that `oidc_groups_claim` lists.
    With `push_contact`, whom push services may write to, the stack makes a key of its own and people may be told in
    their browsers. With `reserve`, concurrency is set aside for what must never wait for anything else. `subnet_ids`
    and `security_group_ids`, separated by commas, put the functions into a VPC.
    """

    name: str = "remit"
    event_source: str = "remit"
    state_ttl_days: int = 90
    retain: bool = True
    log_days: int = 90
    archive_days: int = 30
    http_door: bool = True
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    oidc_tenant_claim: str = "tenant"
    oidc_roles_claim: str = "roles"
    oidc_name_claim: str = "sub"
    oidc_accounts_claim: str | None = None
    oidc_on_behalf_of_claim: str | None = None
    oidc_tenant: str | None = None
    oidc_groups: str | None = None
    oidc_groups_claim: str | None = None
    oidc_client_id: str | None = None
    oidc_scope: str | None = None
    console_url: str | None = None
    push_contact: str | None = None
    reserve: bool = True
    subnet_ids: str | None = None
    security_group_ids: str | None = None
    alarm_email: str | None = None
    private_hosts: str | None = None

    def __post_init__(self) -> None:
        if bool(self.oidc_issuer) != bool(self.oidc_audience):
            raise ValueError("oidc_issuer and oidc_audience belong together: a token is trusted for one audience")
        if self.oidc_client_id and not (self.oidc_issuer and self.console_url):
            raise ValueError("oidc_client_id takes oidc_issuer and console_url: the issuer sends people back there")
        for name in ("oidc_tenant", "oidc_groups"):
            if getattr(self, name) and not self.oidc_issuer:
                raise ValueError(f"{name} takes oidc_issuer: it is about what that issuer's tokens let do")
        _check_issuer(self)
        if self.console_url and not self.console_url.startswith("https://"):
            raise ValueError(f"console_url is {self.console_url!r}: it takes an https URL")
        if self.push_contact and not self.push_contact.startswith(("mailto:", "https://")):
            raise ValueError(f"push_contact is {self.push_contact!r}: write mailto:ops@example.com, or a page by https")
        if self.push_contact and not self.http_door:
            raise ValueError("push_contact takes http_door: people turn it on at the console")
        if bool(self.subnet_ids) != bool(self.security_group_ids):
            raise ValueError("subnet_ids and security_group_ids belong together: a function in a VPC has both")
        if not 30 <= self.state_ttl_days <= 90:
            raise ValueError(f"state_ttl_days is {self.state_ttl_days}: 30 to 90 are allowed")


def _check_issuer(settings: Settings) -> None:
    """Raises `ValueError` for what the functions would refuse when they start."""
    try:
        groups_from(settings.oidc_groups)
        if settings.oidc_tenant:
            check_identifier("oidc_tenant", settings.oidc_tenant)
    except InvalidInput as error:
        raise ValueError(str(error).replace("REMIT_OIDC_GROUPS", "oidc_groups")) from None


def settings_from(context: Callable[[str], Any]) -> Settings:
    """`context(name)` answers what was given under that name, or `None`. Raises `ValueError` naming what is wrong."""
    given = {name: context(name) for name in Settings.__dataclass_fields__}
    return Settings(**{name: _as(name, value) for name, value in given.items() if value is not None})


def _as(name: str, value: Any) -> Any:
    """On the command line everything is text."""
    kind = str(Settings.__dataclass_fields__[name].type)
    if kind == "bool" and not isinstance(value, bool):
        if value not in ("true", "false"):
            raise ValueError(f"{name} is {value!r}: say true or false")
        return value == "true"
    if name == "oidc_groups" and isinstance(value, dict):
        # In a file of context it may stand as it is.
        return json.dumps(value)
    if kind == "int":
        if not str(value).isdigit():
            raise ValueError(f"{name} is {value!r}: it takes a whole number")
        return int(value)
    return value
