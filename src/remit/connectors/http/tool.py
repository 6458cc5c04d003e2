"""The description of a tool with `connector: http`, and the request it makes of an intent."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

from remit.core.canonical import canonical
from remit.core.errors import InvalidInput, mistakes_of, raise_together
from remit.core.execution.templates import (
    ENV,
    check_template,
    check_url_template,
    environment_names,
    field_names,
    fields_of,
    render,
    render_parts,
    render_url,
    url_base,
)
from remit.core.gate.action_type import Tool
from remit.core.intent import ActionIntentV1
from remit.core.invalid_fields import explain_invalid
from remit.core.values import Request

SIGNATURE_HEADER = "X-Remit-Signature"

_REFERENCE = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SET_BY_REMIT = re.compile(
    r"host|content-length|transfer-encoding|connection|keep-alive|te|trailer|upgrade|proxy-.*|expect|accept-encoding"
    r"|idempotency-key|x-remit-.*"
)
_CARRIES_A_SECRET = re.compile(
    r"authorization|cookie|.*(api[-_]?key|secret|password|auth[-_]?token|access[-_]?token).*"
)


def _reference(value: Any) -> Any:
    # Raised here and not by pydantic, whose message would show the secret that stands in the wrong place.
    if not (isinstance(value, str) and _REFERENCE.fullmatch(value)):
        raise ValueError("is not a reference to an environment variable")
    return value


ToolSecretReference = Annotated[str, BeforeValidator(_reference)]
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
HeaderName = Annotated[str, StringConstraints(pattern=f"^{_HEADER_NAME.pattern}$")]


class ExternalObject(Request):
    """
    The place where the object that was made or touched stands in the far side's JSON answer.

    `object_id` is a dotted path into the answer. `object_url` is a URL template over the answer, or
    exactly one `{path}` to a URL in it. `system` is the host where unset.
    """

    system: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    object_type: Annotated[str, Field(min_length=1, max_length=128)]
    object_id: Annotated[str, Field(min_length=1, max_length=256)] = "id"
    object_url: Annotated[str, Field(min_length=1, max_length=2048)] | None = None


class HttpTool(Tool):
    """
    One HTTP request. `url`, `headers` and `body` are templates over the intent.

    No `body` sends none. Secrets stand only in headers, `bearer_token` and `signing_secret`, and only
    as `${NAME}`. The URL may begin with one `${NAME}` that says where the far side is, which is no secret.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    url: Annotated[str, Field(min_length=1, max_length=4096)]
    headers: dict[HeaderName, Annotated[str, Field(max_length=4096)]] = {}
    body: JsonValue = None
    bearer_token: ToolSecretReference | None = None
    signing_secret: ToolSecretReference | None = None
    external_object: ExternalObject | None = None


def parse_tool(tool: dict[str, Any]) -> HttpTool:
    """Raises `InvalidInput` naming the fields that are wrong, and never showing what stands in a secret's place."""
    try:
        return HttpTool.model_validate(tool)
    except ValidationError as error:
        raise explain_invalid(error, secrets=("bearer_token", "signing_secret", "headers")) from None


def checked(tool: dict[str, Any]) -> HttpTool:
    """The tool, if nothing is wrong that can be seen without an intent. Raises `InvalidInput` naming the field."""
    parsed = parse_tool(tool)
    headers = [partial(_check_header, name, template, parsed) for name, template in parsed.headers.items()]
    raise_together(
        mistakes_of(
            lambda: _check_url(parsed.url),
            lambda: _check_body(parsed),
            *headers,
            lambda: _check_object_url(parsed.external_object),
        )
    )
    return parsed


def _check_url(url: str) -> None:
    check_url_template(url, "url")
    _no_secret(url.removeprefix(f"${{{url_base(url)}}}"), "url")


def _no_secret(template: Any, field: str) -> None:
    # URLs end up in logs, and a body is stored with the work.
    if environment_names(template):
        raise InvalidInput(field, "refers to the environment", "put secrets in headers, bearer_token or signing_secret")


def _check_body(tool: HttpTool) -> None:
    check_template(tool.body, "body")
    _no_secret(tool.body, "body")
    if tool.body is not None and tool.method == "GET":
        raise InvalidInput("body", "is there, and method is GET", "send it in the URL, or use another method")
    try:
        canonical(tool.body)
    except ValueError as error:
        raise InvalidInput("body", f"cannot be written as canonical JSON ({error})", "write plain JSON") from None


def _check_header(name: str, template: str, tool: HttpTool) -> None:
    if name.lower() == "authorization" and tool.bearer_token:
        raise InvalidInput(f"headers.{name}", "is there beside bearer_token", "write one of them")
    _check_template_of_header(name, template, tool.headers)


def _check_template_of_header(name: str, template: str, beside: Iterable[str]) -> None:
    field, lower = f"headers.{name}", name.lower()
    if _SET_BY_REMIT.fullmatch(lower):
        raise InvalidInput(field, "is set by Remit itself", "leave it out")
    if [other.lower() for other in beside].count(lower) > 1:
        raise InvalidInput(field, "is there twice", "write it once")
    check_template(template, field)
    if _CONTROL.search(template):
        raise InvalidInput(field, "holds a control character", "write one line of text")
    if _CARRIES_A_SECRET.fullmatch(lower) and not environment_names(template):
        raise InvalidInput(field, "carries a secret and does not refer to one", "write ${NAME} where the secret stands")


def checked_get(url: str, headers: Mapping[str, str], *, without: Collection[str]) -> None:
    """Raises `InvalidInput` naming what is wrong with a `GET` of these templates, which may not name `without`."""
    check_url_template(url, "url")
    base = url_base(url)
    _no_secret(url.removeprefix(f"${{{base}}}"), "url")
    for name, template in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidInput(f"headers.{name}", "is not the name of a header", "write one such as Authorization")
        _check_template_of_header(name, template, headers)
    for field, template in (("url", url), *((f"headers.{name}", text) for name, text in headers.items())):
        for path in sorted(field_names(template) & set(without)):
            raise InvalidInput(field, f"names {{{path}}}, which a proposal does not have yet", "leave it out")


def mapped_get(url: str, headers: Mapping[str, str], fields: dict[str, Any]) -> dict[str, Any]:
    """A `GET` of these templates as JSON, as `map_intent` writes it. Raises `InvalidInput`."""
    return {"url": _url(url, fields), "headers": {name: _header(name, text, fields) for name, text in headers.items()}}


def _check_object_url(external: ExternalObject | None) -> None:
    url = external.object_url if external else None
    if url and not re.fullmatch(r"\{[^{}]+\}", url):
        check_url_template(url, "external_object.object_url", of_intent=False)
        _no_secret(url, "external_object.object_url")


def map_intent(tool: dict[str, Any], intent: ActionIntentV1) -> dict[str, Any]:
    """
    The request as JSON: values are in, secrets are not. A reference is `{"env": NAME}` and stands apart from all
    text, so that nothing an intent says can become one.

    Raises `InvalidInput` if the intent lacks what a template names.
    """
    parsed = checked(tool)
    fields = fields_of(intent)
    return {
        "method": parsed.method,
        "url": _url(parsed.url, fields),
        "headers": {name: _header(name, template, fields) for name, template in parsed.headers.items()}
        | ({"Authorization": ["Bearer ", _env(parsed.bearer_token)]} if parsed.bearer_token else {}),
        "body": render(parsed.body, fields),
        "signing_secret": _env(parsed.signing_secret) if parsed.signing_secret else None,
        "external_object": parsed.external_object.model_dump() if parsed.external_object else None,
    }


def _url(template: str, fields: dict[str, Any]) -> list[str | dict[str, str]]:
    # By the template's own beginning: values stand only behind it.
    rendered, base = render_url(template, fields), url_base(template)
    return [rendered] if base is None else [{ENV: base}, rendered.removeprefix(f"${{{base}}}")]


def _env(reference: str) -> dict[str, str]:
    return {ENV: reference[2:-1]}


def _header(name: str, template: str, fields: dict[str, Any]) -> list[str | dict[str, str]]:
    parts = render_parts(template, fields)
    if any(isinstance(part, str) and _CONTROL.search(part) for part in parts):
        raise InvalidInput(f"headers.{name}", "would hold a line break or another control character", "send plain text")
    return parts
