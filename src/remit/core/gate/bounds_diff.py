"""
The differences between two states of a tenant's bounds, field by field, as data and in lines.

Whether the one is wider than the other is no matter of fields: that is proved (`remit.lab.proof.verdict`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from msgspec import Struct

from remit.core.gate.bounds import Bounds, BoundsInForce
from remit.core.gate.limit import from_zero
from remit.core.gate.policy import PolicySource
from remit.core.gate.text_diff import lines_of, text_diff
from remit.core.values import instant


class Difference(Struct, frozen=True):
    """One field that differs. `before` is `None` for what was added, `after` for what goes."""

    path: str
    kind: Literal["added", "removed", "changed"]
    before: Any
    after: Any

    def wire(self) -> dict[str, Any]:
        return {"path": self.path, "kind": self.kind, "before": self.before, "after": self.after}

    def lines(self) -> list[str]:
        """`+ path: value`, `- path: value` or `~ path: before -> after`; longer text as a diff."""
        if self.kind == "changed":
            if _is_long(self.before) and _is_long(self.after):
                return [f"~ {self.path}:", *(f"    {line}" for line in text_diff(self.before, self.after, context=1))]
            return [f"~ {self.path}: {_shown(self.before)} -> {_shown(self.after)}"]
        sign, value = ("+", self.after) if self.kind == "added" else ("-", self.before)
        if _is_long(value):
            return [f"{sign} {self.path}:", *(f"    {sign}{line}" for line in lines_of(value))]
        return [f"{sign} {self.path}: {_shown(value)}"]


def changes(before: BoundsInForce, after: BoundsInForce) -> list[Difference]:
    """Every field of a tenant's bounds that differs, by path."""
    return list(_differences("", _named(before.bounds), _named(after.bounds)))


def describe_changes(before: BoundsInForce, after: BoundsInForce) -> list[str]:
    """The changes, line by line; empty if there are none."""
    told = [line for change in changes(before, after) for line in change.lines()]
    for name, zone in after.zones_until.items():
        if before.zones_until.get(name) != zone:
            whose = {"*": "the other accounts", "*tenant": "all accounts together"}.get(name, name)
            told.append(f"! the day of {whose} stays that of {zone.timezone} until {instant(zone.until)}")
    return told + [f"! limits.{name} counts from zero" for name in limits_from_zero(before, after)]


def limits_from_zero(before: BoundsInForce, after: BoundsInForce) -> list[str]:
    """The limits that a change brings and for which nothing is counted yet."""
    return from_zero(before.retired_limits, before.bounds.limits, after.bounds.limits)


# What is empty by default says nothing when it is empty.
_EMPTY_SAYS_NOTHING = {
    *("allowed_hosts", "action_types", "modes", "max_per_action_type", "accounts"),
    *("keep_paths", "drop_paths"),
}


def _named(bounds: Bounds) -> dict[str, Any]:
    data = stated_fields(bounds)
    data["policies"] = {source.name: source.text for source in bounds.policies}
    data["policies"] |= {f"{source.name}.log_only": True for source in bounds.policies if source.log_only}
    if bounds.limits:
        data["limits"] = {limit["name"]: _stated(limit) for limit in data["limits"]}
    return data


def stated_fields(bounds: Bounds) -> dict[str, Any]:
    """The fields that somebody set: without those that are empty by default and empty here."""
    data = _stated(bounds.model_dump(mode="json"))
    for name, spec in bounds.action_types.items():
        # Their fields are a connector's and a schema's own, where what is null or empty says something.
        own = {"tool": spec.tool.wire(), "parameters": spec.parameters}
        data["action_types"][name] |= {field: value for field, value in own.items() if value is not None}
    return data


def _stated(data: dict[str, Any]) -> dict[str, Any]:
    kept = {name: _stated(value) if isinstance(value, dict) else value for name, value in data.items()}
    return {
        name: value
        for name, value in kept.items()
        if value is not None and not (name in _EMPTY_SAYS_NOTHING and not value)
    }


def _differences(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if before == after:
        return
    if (before or after) and isinstance(before or {}, dict) and isinstance(after or {}, dict):
        old, new = before or {}, after or {}
        for name in dict.fromkeys([*old, *new]):
            yield from _differences(field_path(path, name), old.get(name), new.get(name))
    elif before and after and isinstance(before, list) and isinstance(after, list):
        yield from _list_differences(path, before, after)
    else:
        yield Difference(path, _kind(before, after), before, after)


def _list_differences(path: str, before: list[Any], after: list[Any]) -> Iterator[Difference]:
    old, wanted = {_written(item) for item in before}, {_written(item) for item in after}
    gone = [item for item in before if _written(item) not in wanted]
    new = [item for item in after if _written(item) not in old]
    yield from (Difference(path, "removed", item, None) for item in gone)
    yield from (Difference(path, "added", None, item) for item in new)
    if not gone and not new:
        yield Difference(path, "changed", before, after)


def _written(item: Any) -> str:
    """The name that tells one item of a list from another, and can be looked up."""
    return json.dumps(item, sort_keys=True)


def _kind(before: Any, after: Any) -> Literal["added", "removed", "changed"]:
    if before is None:
        return "added"
    return "removed" if after is None else "changed"


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and "\n" in value


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def field_path(path: str, name: str) -> str:
    """`path.name`, or just `name` at the top."""
    return f"{path}.{name}" if path else name


def policy_difference(before: Sequence[PolicySource], after: Sequence[PolicySource]) -> str:
    """The difference of policies as a unified diff, file by file."""
    return "".join(f"{line}\n" for line in _policy_lines(before, after))


def _policy_lines(before: Sequence[PolicySource], after: Sequence[PolicySource]) -> Iterator[str]:
    old, new = ({source.name: source for source in sources} for sources in (before, after))
    for name in sorted({*old, *new}):
        was, becomes = old.get(name), new.get(name)
        if was != becomes:
            yield f"--- {_file_line(was)}"
            yield f"+++ {_file_line(becomes)}"
            yield from text_diff(was.text if was else "", becomes.text if becomes else "", context=3)


def _file_line(source: PolicySource | None) -> str:
    if source is None:
        return "/dev/null"
    return f"{source.name} (log_only)" if source.log_only else source.name
