"""An intent's private values: taken out when it is stored, and put in again for whoever may see or use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from remit.core.errors import InvalidInput
from remit.core.intent import ActionIntentV1, Target, digest_of_stored
from remit.core.private_values import COMMITTED, PrivateValues, State, commitments_in, committed, opened
from remit.core.redaction import without_values

_WORDS: Mapping[State, str] = {
    "ERASED": "was erased",
    "DIFFERENT": "is kept with another value than was committed",
}


class OpenedIntent(ActionIntentV1, frozen=True):
    """
    An intent with its private values in their places, for policies, people and the tool.

    `missing` are the paths of those that are not to be had: in their place stands the commitment still, with why.
    `committed_form` is what the ledger holds; `private` are the values that are in their places, by their paths.
    """

    committed_form: ActionIntentV1
    missing: dict[str, State]
    private: dict[str, Any]

    @property
    def as_committed(self) -> ActionIntentV1:
        return self.committed_form

    # Whoever writes it down writes no value.
    def canonical(self) -> bytes:
        return self.committed_form.canonical()

    def to_json(self) -> str:
        return self.committed_form.to_json()

    def wire(self) -> dict[str, Any]:
        """Of the intent alone."""
        own = ActionIntentV1.__struct_fields__
        return {name: value for name, value in super().wire().items() if name in own}

    @property
    def missing_for_execution(self) -> dict[str, State]:
        """Those of what is executed and what policies read: the reasons of an agent are neither."""
        return {path: state for path, state in self.missing.items() if path.startswith(("target", "parameters"))}

    def require_whole(self) -> None:
        """Raises `InvalidInput` naming what is not to be had of what is executed."""
        for path, state in self.missing_for_execution.items():
            raise InvalidInput(path, f"is private, and {_WORDS[state]}", "propose it again with the value")


def commit_private(
    intent: ActionIntentV1, paths: Sequence[str], seed: bytes
) -> tuple[ActionIntentV1, PrivateValues | None]:
    """
    The intent as it is stored, and the values that are kept beside it; `None` where it has none.

    `seed` is 32 random bytes, kept nowhere. Raises `InvalidInput` where a path could mean two values.
    """
    content, values = committed(_content(intent), paths, seed) if paths else ({}, None)
    if values is None or not values.values:
        return intent, None
    stored = _with_content(intent, content)
    return stored.changed(digest=digest_of_stored(stored)), values


def open_intent(stored: ActionIntentV1, kept: PrivateValues | None) -> OpenedIntent:
    """The stored intent with the values that are kept for it, each held against its commitment first."""
    content, missing = opened(_content(stored), kept)
    if isinstance(content["why"], dict):
        content["why"] = [content["why"]]
    shown = _with_content(stored, content)
    fields = {name: getattr(shown, name) for name in ActionIntentV1.__struct_fields__}
    there = {path: kept.values[name] for path, name in private_paths(stored) if path not in missing and kept}
    private = {path: msgspec.json.decode(value.value) for path, value in there.items()}
    return OpenedIntent(**fields, committed_form=stored, missing=missing, private=private)


def may_have_private(stored: ActionIntentV1) -> bool:
    """Answers false for most that have none: those that hold no object which could be a commitment."""
    target, why = stored.target, stored.why
    parts = [*stored.parameters.values(), *(why if isinstance(why, list) else (why,))]
    parts += [target.entity_type, target.entity_id] if target else []
    return COMMITTED in stored.parameters or not _PLAIN.issuperset(map(type, parts))


_PLAIN = frozenset({str, bool, int, float, type(None)})


def private_paths(stored: ActionIntentV1) -> Iterator[tuple[str, str]]:
    """The places where the stored intent has commitments, and the hash of each."""
    return commitments_in(_content(stored))


def redacted(text: str, intent: ActionIntentV1) -> str:
    """Words of a tool or its connector about an intent, without its private values: it is written down for good."""
    return without_values(text, intent.private.values()) if isinstance(intent, OpenedIntent) else text


def _content(intent: ActionIntentV1) -> dict[str, Any]:
    target = intent.target.wire() if intent.target else None
    return {"target": target, "parameters": intent.parameters, "why": intent.why}


def _with_content(intent: ActionIntentV1, content: Mapping[str, Any]) -> ActionIntentV1:
    target = Target(**content["target"]) if content["target"] else None
    return intent.changed(target=target, parameters=content["parameters"], why=content["why"])
