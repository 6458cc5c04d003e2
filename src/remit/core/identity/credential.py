"""The credential through which somebody acts: named beside every answer, and every change of who may do what."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from remit.core.identity.person import person_of

CredentialKind = Literal["key", "oidc", "link", "subscription", "slack", "command_line", "process"]


@dataclass(frozen=True, slots=True)
class Credential:
    """
    A credential, and everybody who had a hand in making it: they may hold its secret.

    | `kind`         | `id`                                                                       |
    |----------------|----------------------------------------------------------------------------|
    | `key`          | the API key's                                                              |
    | `oidc`         | the subject of the access token, as its issuer calls it                    |
    | `link`         | that of the one-use link, which began a session                            |
    | `subscription` | the subscription's, whose mail carries a link                              |
    | `slack`        | those of the team and the user in Slack, who pressed a button there        |
    | `command_line` | the login of whoever typed the command: with the database at hand          |
    | `process`      | none: a program that has the database opened says who it acts for          |

    `session_id` is the console's session, where it came through one.
    """

    kind: CredentialKind
    id: str | None = None
    session_id: str | None = None
    made_by: tuple[str, ...] = ()

    @property
    def names_holder(self) -> bool:
        """Does its id stand for one holder? A command line and a program speak for whom they say."""
        return self.id is not None and self.kind in ("key", "oidc", "link", "slack")

    def wire(self) -> dict[str, Any]:
        """As JSON values, without the secret, which it does not know."""
        return {**asdict(self), "made_by": list(self.made_by)}


PROCESS = Credential("process")
"""A program over the database itself."""


def makers(by: str, through: Credential | None) -> tuple[str, ...]:
    """Everybody who had a hand in what `by` made through that credential: who made that one, too. Each once."""
    found: dict[str, str] = {}
    for name in (by, *(through.made_by if through else ())):
        found.setdefault(person_of(name), name)
    return tuple(found.values())
