"""
Templates over an intent's fields: how a tool says what an action means to the far side.

`{path}` stands for a field (`core.paths`; in a name a brace is written `\\u007b`), `{{` and `}}` for braces.
`${NAME}`, a name in upper case, is a reference to the environment. A template is taken apart before any value
goes in, and references stay apart from text from then on (`render_parts`), so a value that happens to read
`${SECRET}` is only ever text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, unquote

from msgspec import Struct

from remit.core.canonical import canonical
from remit.core.errors import InvalidInput
from remit.core.intent import ActionIntentV1
from remit.core.paths import find, parse_path

INTENT_FIELDS = (
    "action_intent_id",
    "tenant_id",
    "account_id",
    "action_type",
    "target",
    "parameters",
    "confidence_score",
    "risk_level",
    "proposed_by",
    "trace_id",
    "created_at",
    "expires_at",
)

LONGEST_IN_QUERY = 4096
"""How many characters a list or an object may take in a URL: servers refuse lines of more than 8,000."""

ENV = "env"
"""The one key of an environment reference among the parts of a rendered text."""

_TOKEN = re.compile(
    r"\$\{(?P<env>[A-Z_][A-Z0-9_]*)\}|(?P<open>\{\{)|(?P<close>\}\})|\{(?P<path>[^{}]*)\}|(?P<stray>[{}])"
)
_BASE = re.compile(r"\$\{[A-Z_][A-Z0-9_]*\}")
_URL = re.compile(
    rf"(?P<origin>(?i:https?)://[^/?#\s]+|{_BASE.pattern})(?P<path>[^?#]*)(?P<query>(?:\?[^#]*)?)",
)
_TARGET_FIELDS = ("entity_type", "entity_id")


class Text(Struct, frozen=True):
    text: str


class Field(Struct, frozen=True):
    path: str


class EnvironmentReference(Struct, frozen=True):
    name: str


Piece = Text | Field | EnvironmentReference


def fields_of(intent: ActionIntentV1) -> dict[str, Any]:
    """The values that a template may name of an intent, as JSON values."""
    shown = intent.wire()
    return {name: shown[name] for name in INTENT_FIELDS}


def parse(template: str) -> list[Piece]:
    """The pieces of one text, in order. Raises `InvalidInput` for a brace that opens or closes nothing."""
    pieces: list[Piece] = []
    end = 0
    for token in _TOKEN.finditer(template):
        if token.start() > end:
            pieces.append(Text(template[end : token.start()]))
        pieces.append(_piece(token, template))
        end = token.end()
    if end < len(template):
        pieces.append(Text(template[end:]))
    return pieces


def _piece(token: re.Match[str], template: str) -> Piece:
    if token["env"]:
        return EnvironmentReference(token["env"])
    if token["open"] or token["close"]:
        return Text(token[0][0])
    if token["path"]:
        return Field(token["path"])
    raise InvalidInput(template, "has a brace without its other half or a name", "write {{ and }} for braces")


def render(template: Any, fields: Mapping[str, Any]) -> Any:
    """
    The JSON value that `template` stands for.

    A text that is exactly one `{path}` becomes that value with its type; inside a text only text,
    numbers and booleans may stand. `${NAME}` stays as it is, and nobody may expand it afterwards:
    it cannot be told any more from a value that reads so. Keys are taken literally.
    Raises `InvalidInput` naming the path that is not there, and what is.
    """
    if isinstance(template, str):
        return _render_text(parse(template), fields)
    if isinstance(template, dict):
        return {key: render(inner, fields) for key, inner in template.items()}
    if isinstance(template, list):
        return [render(inner, fields) for inner in template]
    return template


def _render_text(pieces: list[Piece], fields: Mapping[str, Any]) -> Any:
    match pieces:
        case [Field(path)]:
            return look_up(path, fields)
    return "".join(_text_of_piece(piece, fields) for piece in pieces)


def _text_of_piece(piece: Piece, fields: Mapping[str, Any]) -> str:
    match piece:
        case Text(text):
            return text
        case Field(path):
            return as_text(look_up(path, fields), path)
        case EnvironmentReference(name):
            return f"${{{name}}}"


def render_parts(template: str, fields: Mapping[str, Any]) -> list[str | dict[str, str]]:
    """
    A text with its environment references still apart: strings, and `{"env": NAME}` where one stands.

    Only the template's own references become such parts, whatever the values look like.
    """
    return [
        {ENV: piece.name} if isinstance(piece, EnvironmentReference) else _text_of_piece(piece, fields)
        for piece in parse(template)
    ]


def render_url(template: str, fields: Mapping[str, Any]) -> str:
    """
    A URL whose values stay in their places: each is percent-encoded with nothing safe. In the query a list or an object
    is its canonical JSON, so that a far side can be asked about all of it.

    Instead of scheme and host it may begin with `${NAME}`, which stays as it is (`url_base`).
    Raises `InvalidInput` for a placeholder before the path, for a value that would leave a path segment
    empty, and for one that would make a segment `.` or `..`, also where a server decodes `%2F` first.
    """
    origin, path, query = _url_parts(template)
    rendered = "".join(_path_text(piece, fields) for piece in parse(path))
    if any(segment in (".", "..") for segment in re.split(r"[/\\]", unquote(rendered))):
        raise InvalidInput(template, "would have '.' or '..' as a path segment", "send an id that is a plain name")
    return origin + rendered + "".join(_query_text(piece, fields) for piece in parse(query))


def url_base(template: str) -> str | None:
    """The name of the environment variable that says where this URL begins; `None` if it says so itself."""
    match = _BASE.match(template)
    return match[0][2:-1] if match else None


def _path_text(piece: Piece, fields: Mapping[str, Any]) -> str:
    text = _text_of_piece(piece, fields)
    if not isinstance(piece, Field):
        return text
    # `/contacts/{id}` without an id is another resource, all contacts: also where a server decodes `%2F` first.
    if not text.strip("/\\"):
        raise InvalidInput(piece.path, "is empty and stands in the path of a URL", "send a value")
    return quote(text, safe="")


def _query_text(piece: Piece, fields: Mapping[str, Any]) -> str:
    if not isinstance(piece, Field):
        return _text_of_piece(piece, fields)
    value = look_up(piece.path, fields)
    if not isinstance(value, list | dict):
        return quote(as_text(value, piece.path), safe="")
    text = quote(canonical(value), safe="")
    if len(text) > LONGEST_IN_QUERY:
        problem = f"is {len(text)} characters in a URL, the most is {LONGEST_IN_QUERY}"
        raise InvalidInput(piece.path, problem, "name one of its fields, or send it in the body")
    return text


def _url_parts(template: str) -> tuple[str, str, str]:
    match = _URL.fullmatch(template)
    if not match:
        raise InvalidInput(template, "is not an http or https URL with a host and without a fragment")
    origin, path, query = match["origin"], match["path"], match["query"]
    if url_base(template) is None and re.search(r"[{}$@\\]", origin):
        raise InvalidInput(
            template, "has a placeholder, '@' or '\\' before its path", "write scheme, host and port out"
        )
    if path and not path.startswith("/"):
        raise InvalidInput(template, "has a path that does not begin with '/'")
    return origin, path, query


def look_up(path: str, fields: Any) -> Any:
    """The value at a path (`core.paths`), or a list's length. Raises `InvalidInput` naming what exists instead."""
    return find(parse_path(path), fields, counts=True)


def as_text(value: Any, path: str) -> str:
    """A value inside a text. Numbers as canonical JSON spells them, so that storing them changes nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return canonical(value).decode()
    raise InvalidInput(path, "is not text, a number or a boolean, and stands inside a text", "name one of its fields")


def environment_names(template: Any) -> set[str]:
    """Every environment variable a template refers to."""
    return {piece.name for text in _texts(template) for piece in parse(text) if isinstance(piece, EnvironmentReference)}


def paths_named(template: Any) -> set[str]:
    """Every path of a field that a template refers to. A text that is none, as other connectors have them, has none."""
    found: set[str] = set()
    for text in _texts(template):
        with suppress(InvalidInput):
            found |= {piece.path for piece in parse(text) if isinstance(piece, Field)}
    return found


def field_names(template: str) -> set[str]:
    """The first names of the fields that a text which is sound (`check_template`) refers to."""
    return {parse_path(piece.path).steps[0].name for piece in parse(template) if isinstance(piece, Field)}


def check_template(template: Any, field: str) -> None:
    """
    Would this template make sense for some intent? What is under `parameters` is known only with one.

    Raises `InvalidInput` naming `field`.
    """
    for text in _texts(template):
        try:
            paths = [piece.path for piece in parse(text) if isinstance(piece, Field)]
        except InvalidInput as error:
            raise InvalidInput(field, f"{text!r} {error.problem}", error.way_out) from None
        for path in paths:
            _check_path(path, field)


def check_url_template(template: str, field: str, *, of_intent: bool = True) -> None:
    """
    Check a URL: placeholders only after the host. Raises `InvalidInput` naming `field`.

    Without `of_intent` the paths are of something else and are not looked at.
    """
    try:
        _url_parts(template)
        parse(template)
    except InvalidInput as error:
        raise InvalidInput(field, error.problem, error.way_out) from None
    if of_intent:
        check_template(template, field)


def _check_path(path: str, field: str) -> None:
    try:
        first, *inside = parse_path(path).steps
    except InvalidInput as error:
        raise InvalidInput(field, f"{{{path}}} {error.problem}", error.way_out) from None
    root, rest = first.name, inside[0].name if inside else ""
    if root not in INTENT_FIELDS or not first.plain:
        raise InvalidInput(field, f"{{{path}}} is not a field of an intent", f"there is: {', '.join(INTENT_FIELDS)}")
    if root == "target" and inside and (rest not in _TARGET_FIELDS or len(inside) > 1):
        raise InvalidInput(field, f"{{{path}}} is not a field of a target", f"there is: {', '.join(_TARGET_FIELDS)}")
    if root not in ("target", "parameters") and inside:
        raise InvalidInput(field, f"{{{path}}} looks inside {root}, which has no fields", f"write {{{root}}}")


def _texts(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, dict):
        for inner in template.values():
            yield from _texts(inner)
    elif isinstance(template, list):
        for inner in template:
            yield from _texts(inner)
