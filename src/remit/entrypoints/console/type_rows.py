"""
Rows of an action type's form: its arguments, its amounts and its facts, to texts of fields and back.

A row's fields are named `argument:0:path`, `amount:0:unit` and so on; the schema's rest is the field `schema`, and what
a row has no field for stands in its `more`, as JSON. What is not understood is told by the name of its field.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast, get_args

from remit.core.errors import InvalidInput
from remit.core.gate.action_type import ActionTypeSpec
from remit.core.gate.amount import AmountSpec
from remit.core.gate.declared_parameters import Kind
from remit.core.gate.fact import FactSpec
from remit.core.gate.schema_rows import (
    NUMBERS,
    REST,
    Choice,
    Number,
    SchemaRow,
    SplitSchema,
    fits,
    is_row_path,
    join_schema,
    split_schema,
    without_row,
)
from remit.core.json_text import NotJson, read_json
from remit.core.plain_json import LARGEST_INTEGER

Row = dict[str, str]
ARGUMENT, AMOUNT, FACT = "argument", "amount", "fact"
FIELDS: dict[str, tuple[str, ...]] = {
    ARGUMENT: ("path", "was", "kind", "required", "minimum", "maximum", "choices"),
    AMOUNT: ("name", "value", "unit"),
    FACT: ("name", "url", "keep", "timeout_s", "max_age_s", "recheck", "more"),
}
"""Of each kind of row, its fields."""
BLANK: dict[str, Row] = {ARGUMENT: {"kind": "string"}, AMOUNT: {}, FACT: {}}
"""What a row says before anybody has written in it."""
_TIMES: tuple[str, ...] = ("timeout_s", "max_age_s")
KINDS: tuple[Kind, ...] = get_args(Kind)


# --- rows among the fields of a form ---


def rows_in(said: Mapping[str, str], kind: str) -> list[Row]:
    """The rows of this kind in their order, each by the names of its own fields."""
    found: dict[int, Row] = {}
    for field, text in said.items():
        of, _, rest = field.partition(":")
        number, _, name = rest.partition(":")
        if of == kind and number.isascii() and number.isdigit() and len(number) < 4 and name in FIELDS[kind]:
            found.setdefault(int(number), {})[name] = text
    return [found[number] for number in sorted(found)]


def with_rows(said: Mapping[str, str], rows: Mapping[str, Sequence[Row]]) -> dict[str, str]:
    """The values of the form, with these rows in the place of those of their kinds."""
    left = {field: text for field, text in said.items() if field.partition(":")[0] not in rows}
    return left | {
        f"{kind}:{number}:{name}": text
        for kind, listed in rows.items()
        for number, row in enumerate(listed)
        for name, text in row.items()
    }


def with_a_row_more(said: Mapping[str, str], kind: str) -> tuple[dict[str, str], str]:
    """The form with one blank row at the end of these, and the field to write in first."""
    rows = rows_in(said, kind)
    return with_rows(said, {kind: [*rows, BLANK[kind]]}), f"{kind}:{len(rows)}:{FIELDS[kind][0]}"


def without_a_row(said: Mapping[str, str], kind: str, number: int) -> dict[str, str]:
    """The form without that row; what else the schema says of an argument goes with it."""
    rows = rows_in(said, kind)
    gone = rows.pop(number) if number < len(rows) else {}
    left = with_rows(said, {kind: rows})
    if gone.get("was"):
        rest = _rest(said)
        left[REST] = _json(without_row(rest, gone["was"]))
    return left


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)


# --- what a form says when a type is opened ---


def fields_of_rows(spec: ActionTypeSpec) -> dict[str, str]:
    split = split_schema(spec.parameters)
    rows = {
        ARGUMENT: [_of_argument(row) for row in split.rows],
        AMOUNT: [_of_amount(name, amount) for name, amount in spec.amounts.items()],
        FACT: [_of_fact(name, fact) for name, fact in spec.facts.items()],
    }
    return with_rows({REST: _json(split.rest), **({"closed": "on"} if split.closed else {})}, rows)


def _of_argument(row: SchemaRow) -> Row:
    limits = {"minimum": row.minimum, "maximum": row.maximum}
    numbers = {name: _number_text(value) for name, value in limits.items() if value is not None}
    required = {"required": "on"} if row.required else {}
    choices = "\n".join(_choice_text(each, row.kind) for each in row.choices)
    return {"path": row.path, "was": row.was, "kind": row.kind, "choices": choices, **numbers, **required}


def _of_amount(name: str, amount: AmountSpec) -> Row:
    return {"name": name, "value": amount.value, "unit": amount.unit}


def _of_fact(name: str, fact: FactSpec) -> Row:
    said = fact.model_dump(mode="json", exclude_unset=True)
    keep = "\n".join(path if kind == "any" else f"{path} {kind}" for path, kind in said.pop("keep").items())
    row = {"name": name, "url": said.pop("url"), "keep": keep}
    times: Row = {field: _number_text(said.pop(field)) for field in _TIMES if field in said}
    # A box cannot say no and that somebody wrote it: that stays where it has no field.
    recheck = {"recheck": "on"} if said.get("recheck") and said.pop("recheck") else {}
    return {**row, **times, **recheck, "more": _json(said) if said else ""}


def _number_text(value: Number) -> str:
    """`2.0` as `2`, which is the same number to JSON."""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_INTEGER
    return json.dumps(int(value) if is_whole else value)


def _choice_text(choice: Choice, kind: Kind) -> str:
    """As somebody writes it; a text that would be read otherwise stands in quotes."""
    plain = isinstance(choice, str) and choice.isprintable() and choice == choice.strip() != ""
    if isinstance(choice, str) and plain and _choice_read(choice, kind) == choice:
        return choice
    return json.dumps(choice, ensure_ascii=not plain)


def _choice_read(text: str, kind: Kind) -> Any:
    """The value that a line stands for: a text may stand as it is, all else as JSON."""
    try:
        value = read_json(text)
    except InvalidInput:
        return text
    return text if kind == "string" and not isinstance(value, str) else value


# --- and back ---


class RowsRead:
    """The values of rows, by the fields of an action type; `mistakes` are all that is wrong with them."""

    def __init__(self, said: Mapping[str, str], before: Mapping[str, Any]) -> None:
        """`before` is the type as it is in force, as JSON."""
        self._said = said
        self.mistakes: list[InvalidInput] = []
        self.parameters = self._try(lambda: self._schema(before.get("parameters")))
        self.amounts = {name: _amount(row) for _, name, row in self._named(AMOUNT)}
        self.facts = {name: self._fact(at, row) for at, name, row in self._named(FACT)}

    def _try(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except InvalidInput as error:
            self.mistakes.extend(error.all)
            return None

    def _schema(self, before: Mapping[str, Any] | None) -> dict[str, Any] | None:
        rows = [row for number, said in enumerate(rows_in(self._said, ARGUMENT)) if (row := self._row(number, said))]
        split = SplitSchema(tuple(rows), _rest(self._said), bool(self._said.get("closed")))
        # Rows of which something is wrong would only be told as what is wrong with the rest.
        return None if self.mistakes else join_schema(split, before)

    def _row(self, number: int, said: Row) -> SchemaRow | None:
        at, path = f"{ARGUMENT}:{number}", said.get("path", "").strip()
        if not path and not any(said.get(name, "").strip() for name in ("was", "minimum", "maximum", "choices")):
            return None
        kind = cast("Kind", said.get("kind", "any"))
        self._try(lambda: self._check_path(at, path))
        if kind not in KINDS:
            self.mistakes.append(InvalidInput(f"{at}:kind", f"is {kind[:40]!r}", f"choose one of {', '.join(KINDS)}"))
            return None
        return SchemaRow(
            path,
            kind,
            required=bool(said.get("required")),
            minimum=self._try(lambda: _number_of_kind(f"{at}:minimum", said.get("minimum", ""), kind)),
            maximum=self._try(lambda: self._maximum(at, said, kind)),
            choices=self._try(lambda: _choices(f"{at}:choices", said.get("choices", ""), kind)) or (),
            was=said.get("was", ""),
        )

    def _check_path(self, at: str, path: str) -> None:
        if not path:
            raise InvalidInput(f"{at}:path", "is missing", "write its name, or take the row out")
        if not is_row_path(path):
            way_out = "use letters, digits, _ and -, with dots between; others are written as JSON below"
            raise InvalidInput(f"{at}:path", f"{path[:80]!r} is no name that a row can have", way_out)
        if [row.get("path", "").strip() for row in rows_in(self._said, ARGUMENT)].count(path) > 1:
            raise InvalidInput(f"{at}:path", f"{path} stands twice", "take one of both rows out")

    def _maximum(self, at: str, said: Row, kind: Kind) -> Number | None:
        most = _number_of_kind(f"{at}:maximum", said.get("maximum", ""), kind)
        try:
            least = _number("", said.get("minimum", ""))
        except InvalidInput:
            least = None
        if most is not None and least is not None and most < least:
            raise InvalidInput(f"{at}:maximum", "is below the least, so that nothing fits", "write a larger one")
        return most

    def _named(self, kind: str) -> Iterator[tuple[str, str, Row]]:
        """The rows of a kind that have names, each with the beginning of its fields' names; blank ones are left out."""
        rows = rows_in(self._said, kind)
        names = [row.get("name", "").strip() for row in rows]
        for number, (name, row) in enumerate(zip(names, rows, strict=True)):
            at = f"{kind}:{number}"
            if not any(text.strip() for text in row.values()):
                continue
            if not name or names.count(name) > 1:
                problem = f"{name} stands twice" if name else "is missing"
                self.mistakes.append(InvalidInput(f"{at}:name", problem, "write a name of its own, such as order"))
                continue
            yield at, name, row

    def _fact(self, at: str, row: Row) -> dict[str, Any]:
        more = self._try(lambda: object_in(f"{at}:more", row.get("more", "")))
        keep = self._try(lambda: _kept(f"{at}:keep", row.get("keep", "")))
        times = {name: self._try(partial(_number, f"{at}:{name}", row.get(name, ""))) for name in _TIMES}
        given = {name: seconds for name, seconds in times.items() if seconds is not None}
        recheck = {"recheck": True} if row.get("recheck") else {}
        return {"url": row.get("url", "").strip(), "keep": keep or {}, **given, **(more or {}), **recheck}


def _amount(row: Row) -> dict[str, Any]:
    return {field: row.get(field, "").strip() for field in ("value", "unit")}


def _rest(said: Mapping[str, str]) -> dict[str, Any] | None:
    text = said.get(REST, "").strip()
    return object_in(REST, text) if text else None


def object_in(field: str, text: str) -> dict[str, Any]:
    """The JSON object that a field says, none for an empty one. Raises `InvalidInput` naming the field."""
    way_out = 'write an object such as {"description": "…"}, or nothing'
    try:
        found = read_json(text.strip() or "{}")
    except NotJson as error:
        raise InvalidInput(field, f"is no JSON: {error.why}", way_out) from None
    except InvalidInput as error:
        raise InvalidInput(field, f"is no JSON: {error}", way_out) from None
    if not isinstance(found, dict):
        raise InvalidInput(field, "is no JSON object", way_out)
    return found


def _number(field: str, text: str) -> Number | None:
    if not text.strip():
        return None
    try:
        value = read_json(text.strip())
    except InvalidInput:
        value = None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidInput(field, f"is {text.strip()[:40]!r}", "write a number such as 12.50, or leave it empty")
    return value


def _number_of_kind(field: str, text: str, kind: Kind) -> Number | None:
    number = _number(field, text)
    if number is not None and kind not in NUMBERS and kind != "any":
        raise InvalidInput(field, "holds of numbers alone", "leave it empty, or choose a number")
    return number


def _choices(field: str, text: str, kind: Kind) -> tuple[Choice, ...]:
    found = [_choice_read(line.strip(), kind) for line in text.split("\n") if line.strip()]
    for each in found:
        if not fits(kind, each):
            raise InvalidInput(field, f"name {json.dumps(each)[:60]}, which is no {kind}", "write one value a line")
    return tuple(found)


def _kept(field: str, text: str) -> dict[str, str]:
    """`order.total number` a line; without a kind it may be any."""
    found: dict[str, str] = {}
    for words in (line.split() for line in text.splitlines() if line.strip()):
        if len(words) > 2 or words[0] in found:
            problem = (
                f"{' '.join(words)[:60]!r} is not one field and its kind" if len(words) > 2 else f"{words[0]} twice"
            )
            raise InvalidInput(field, problem, "write a line each, such as order.total number")
        found[words[0]] = words[1] if len(words) == 2 else "any"
    return found
