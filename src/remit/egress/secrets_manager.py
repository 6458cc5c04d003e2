"""
The secrets of tools in AWS Secrets Manager: one for each tenant and name, which says itself which hosts it is for.

`PREFIX/TENANT/NAME` holds the JSON object `{"value": "…", "hosts": ["crm.example.com"]}`. A `:` in a tenant's name is
a `+` there: Secrets Manager takes no colon, and tenants have no plus.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from remit.core.errors import InvalidInput, TryLater
from remit.core.json_text import read_json
from remit.egress.hosts import HostPattern
from remit.egress.secrets import Secret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

KEPT_S = 300.0
"""After this a rotated secret is read anew."""
KEPT_ON_S = 60.0
"""And so much longer while it cannot be read."""
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 2, 5


class SecretsManager:
    """Reads a tenant's secret when a call needs it, and keeps it for a while. Safe to share between threads."""

    def __init__(
        self, client: SecretsManagerClient, prefix: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client, self._prefix, self._clock = client, prefix, clock
        self._kept: dict[str, tuple[float, Secret]] = {}

    @classmethod
    def open(cls, prefix: str) -> Self:
        """The client, placed by the usual AWS settings."""
        return cls(_client(), prefix)

    def find(self, tenant_id: str, name: str) -> Secret | None:
        """`None` if there is none. Raises `TryLater` if it cannot be read, `InvalidInput` if it is no such object."""
        secret_id = f"{self._prefix}/{tenant_id.replace(':', '+')}/{name}"
        until, secret = self._kept.get(secret_id, (0.0, None))
        now = self._clock()
        if secret is not None and now < until:
            return secret
        try:
            text = _text(self._client, secret_id)
        except TryLater:
            # It may have been read for a call that is marked by now.
            if secret is not None and now < until + KEPT_ON_S:
                return secret
            raise
        if text is None:
            self._kept.pop(secret_id, None)
            return None
        secret = Secret(name, *_understood(text, secret_id))
        self._kept[secret_id] = (now + KEPT_S, secret)
        return secret


def operators_secret(secret_id: str) -> str | None:
    """A secret of the deployment's own, by its name or ARN; `None` if there is none. Raises `TryLater`."""
    return _text(_client(), secret_id)


def _client() -> SecretsManagerClient:
    patience = Config(connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S)
    return boto3.client("secretsmanager", config=patience)


def _text(client: SecretsManagerClient, secret_id: str) -> str | None:
    try:
        return client.get_secret_value(SecretId=secret_id).get("SecretString", "")
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == "ResourceNotFoundException":
            return None
        raise TryLater(f"the secret {secret_id} cannot be read: {code}") from None
    except BotoCoreError as error:
        raise TryLater(f"the secret {secret_id} cannot be read: {type(error).__name__}") from None


def _understood(text: str, secret_id: str) -> tuple[str, tuple[HostPattern, ...]]:
    held = _json(text)
    value, hosts = (held.get("value"), held.get("hosts")) if isinstance(held, dict) else (None, None)
    listed = hosts if isinstance(hosts, list) else []
    patterns = [HostPattern.parse(str(host)) for host in listed]
    found = tuple(pattern for pattern in patterns if pattern and pattern.is_one_host)
    if not isinstance(value, str) or not found or len(found) < len(listed):
        # Without its text: what went wrong may be the secret.
        way_out = 'write {"value": "…", "hosts": ["crm.example.com"]}'
        raise InvalidInput(secret_id, "does not hold the JSON object that a tool's secret is", way_out)
    return value, found


def _json(text: str) -> Any:
    try:
        return read_json(text)
    except InvalidInput:
        return None
