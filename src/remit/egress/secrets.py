"""Secrets: each belongs to a tenant and to hosts, is read for one call, and is kept out of what that call leaves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from remit.core.errors import InvalidInput, TryLater
from remit.core.execution.outcome import CallResult
from remit.core.execution.result import masked_answer
from remit.core.execution.templates import ENV
from remit.core.redaction import masked, masking
from remit.egress.failure import Failure
from remit.egress.hosts import HostPattern

TOOL_ENVIRONMENT = "REMIT_TOOL_ENVIRONMENT"
_LISTED_WHERE = f"the operator lists it in {TOOL_ENVIRONMENT}, or on AWS in the secret itself"
SECRET_UNREADABLE = "SECRET_UNREADABLE"  # noqa: S105 - the code of a failure, no password
LONGEST_MESSAGE = 500
LONGEST_ID = 512
SHORTEST_PART = 6
"""Shorter parts of a URL that is a secret are words that any text may hold."""
SHORTEST_TOKEN = 16
"""A part of a base URL's path that is as long is taken for a secret: words of a path are shorter."""

# A tenant may hold ':' and '@', a variable's name and a host hold neither where these split.
_LISTED = re.compile(r"(?P<tenant>[A-Za-z0-9._:@-]{1,128}):(?P<name>[A-Z_][A-Z0-9_]*)@(?P<host>[^@\s]+)")


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that one tenant may refer to by `name`, and the hosts that it may be sent to; "" if nobody set it."""

    name: str
    value: str = field(repr=False)
    hosts: tuple[HostPattern, ...]

    def goes_to(self, host: str, port: int) -> bool:
        return any(pattern.covers(host.lower().removesuffix("."), port) for pattern in self.hosts)

    def check_destination(self, host: str, port: int) -> None:
        """Raises `Failure` for a host that the operator did not list for it."""
        if not self.goes_to(host, port):
            problem = f"{self.name} is not listed for {host}:{port}, so it was not sent; {_LISTED_WHERE}"
            raise Failure("VALIDATION", "SECRET_NOT_FOR_HOST", problem)


class SecretSource(Protocol):
    """Secrets that the operator lists for each tenant, and nothing else."""

    def find(self, tenant_id: str, name: str) -> Secret | None:
        """
        `None` for what is not listed for this tenant, whether or not there is such a value.

        Raises `TryLater` while it cannot be read, and `InvalidInput` for one that is not kept as it should be.
        """
        ...


class ListedSecrets:
    """Variables of an environment, for whom and for which hosts the operator lists them."""

    def __init__(self, environ: Mapping[str, str], hosts: Mapping[tuple[str, str], Sequence[HostPattern]]) -> None:
        self._environ, self._hosts = environ, hosts

    @classmethod
    def parse(cls, environ: Mapping[str, str], listed: str) -> Self:
        """
        `listed` is `TENANT:NAME@HOST`, separated by commas, an entry for each host; HOST as in `allowed_hosts`.

        Raises `InvalidInput` naming the setting for an entry that is not understood. Entries are shown by number: one
        that went wrong may be a secret.
        """
        hosts: dict[tuple[str, str], list[HostPattern]] = {}
        for number, entry in enumerate(listed.split(","), 1):
            if entry.strip():
                tenant, name, pattern = _listed(entry.strip(), number)
                hosts.setdefault((tenant, name), []).append(pattern)
        return cls(environ, hosts)

    def find(self, tenant_id: str, name: str) -> Secret | None:
        hosts = self._hosts.get((tenant_id, name))
        return Secret(name, self._environ.get(name, ""), tuple(hosts)) if hosts else None


def _listed(entry: str, number: int) -> tuple[str, str, HostPattern]:
    match = _LISTED.fullmatch(entry)
    pattern = HostPattern.parse(match["host"]) if match else None
    if not match or pattern is None or not pattern.is_one_host:
        way_out = "write TENANT:NAME@HOST, such as acme:CRM_TOKEN@crm.example.com, once for each host"
        raise InvalidInput(TOOL_ENVIRONMENT, f"has an entry {number} that is not understood", way_out)
    if match["name"].startswith("REMIT_"):
        raise InvalidInput(TOOL_ENVIRONMENT, f"lists {match['name']}, a setting of Remit itself", "leave it out")
    return match["tenant"], match["name"], pattern


class CallSecrets:
    """The secrets that one call of a tenant reads, and where it must not be found afterwards."""

    def __init__(self, source: SecretSource, tenant_id: str) -> None:
        self._source, self._tenant_id = source, tenant_id
        self._read: dict[str, Secret] = {}
        self._masked: dict[str, str] = {}

    @property
    def read(self) -> tuple[Secret, ...]:
        """The secrets read so far: a request that holds it says so, and goes only to hosts listed for it."""
        return tuple(self._read.values())

    def expand(self, parts: Sequence[str | Mapping[str, str]]) -> str:
        """The text of a header. Only what is a reference by its shape is one; text never is, whatever it says."""
        return "".join(part if isinstance(part, str) else self.value(part) for part in parts)

    def value(self, reference: Mapping[str, str]) -> str:
        """A secret, remembered to be masked. Raises `Failure` naming it, never showing it."""
        name = reference[ENV]
        value = self._plain(name)
        self._masked[value] = name
        return value

    def secret_url(self, reference: Mapping[str, str]) -> str:
        """A URL that is a secret: its path is masked as well, and each long part of that. Raises `Failure`."""
        url, name = self.value(reference), reference[ENV]
        path = re.sub(r"^[a-z]+://[^/]*", "", url, flags=re.IGNORECASE)
        if path.strip("/"):
            self._masked[path] = name
        self._mask_parts(path, name, SHORTEST_PART)
        return url

    def base_url(self, reference: Mapping[str, str]) -> str:
        """
        The place of a far side, without a slash at its end. Long parts of its path are masked, for they may be a token.

        Raises `Failure` naming the variable, never its value, if that is not plainly such a URL: it may be a secret
        that stands in the wrong place.
        """
        name = reference[ENV]
        value = self._plain(name)
        if not re.fullmatch(r"https?://[^/?#@\\\s]+(/[^?#@\\\s]*)?", value, re.IGNORECASE):
            problem = f"environment variable {name} is not an http or https URL without user name, query and fragment"
            raise Failure("VALIDATION", "VARIABLE_UNUSABLE", problem)
        self._mask_parts(value.partition("://")[2].partition("/")[2], name, SHORTEST_TOKEN)
        return value.rstrip("/")

    def _mask_parts(self, path: str, name: str, shortest: int) -> None:
        self._masked |= {part: name for part in re.split("[/?&=#]", path) if len(part) >= shortest}

    def _plain(self, name: str) -> str:
        secret = self._found(name)
        if not secret.value:
            problem = f"environment variable {name} is not set; set it where Remit executes"
            raise Failure("VALIDATION", "VARIABLE_MISSING", problem)
        # Lone surrogates are bytes of the environment that are not UTF-8.
        if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", secret.value):
            problem = f"environment variable {name} holds a line break or something else that is not plain text"
            raise Failure("VALIDATION", "VARIABLE_UNUSABLE", problem)
        self._read[name] = secret
        return secret.value

    def _found(self, name: str) -> Secret:
        try:
            secret = self._source.find(self._tenant_id, name)
        except TryLater as error:
            # Nothing was sent, so it can be asked again.
            raise Failure("DOWNSTREAM", SECRET_UNREADABLE, str(error)) from None
        except InvalidInput as error:
            raise Failure("VALIDATION", "VARIABLE_UNUSABLE", str(error)) from None
        if secret is None:
            problem = f"{name} is not listed for tenant {self._tenant_id}, so it was not read; {_LISTED_WHERE}"
            raise Failure("VALIDATION", "SECRET_NOT_LISTED", problem)
        return secret

    def redacted(self, result: CallResult) -> CallResult:
        """The result with every secret that was read replaced by its name, and texts cut to their limits."""
        # Masked before it is cut, so that no half of a secret is left at the edge.
        refs = [
            ref.changed(
                object_id=self.mask(ref.object_id)[:LONGEST_ID],
                object_url=ref.object_url and self.mask(ref.object_url),
            )
            for ref in result.external_object_refs
        ]
        message = result.error_message and self.mask(result.error_message)[:LONGEST_MESSAGE]
        answer = result.answer
        if answer is not None and self._masked:
            answer = masked_answer(answer, masking(self._masked))
        return result.changed(external_object_refs=refs, error_message=message, answer=answer)

    def mask(self, text: str) -> str:
        """The text with every secret that was read replaced by its name."""
        return masked(text, self._masked)
