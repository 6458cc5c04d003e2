"""
Routes that let their caller in before they read its body, and read the body in one way.

FastAPI reads and parses a body before it asks any dependency: a stranger's would be work for everybody.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Container, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from inspect import iscoroutinefunction
from typing import Any, Self, TypeVar, get_args, get_origin, get_type_hints

import orjson
from anyio import CapacityLimiter, to_thread
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_typed_return_annotation
from fastapi.params import Form
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from remit.core.errors import InvalidInput
from remit.core.identity.access import Permission
from remit.core.json_text import WHOLE, NotJson, read_json
from remit.entrypoints.web.callers import Entry, admit, enter, known_of, remit_of, require_within_tenant
from remit.entrypoints.web.problems import responds_with
from remit.entrypoints.web.turns import Turns

PARSED_AT_ONCE_BYTES = 32 * 1024
"""Up to here parsing takes less than handing it to a thread."""
PARSING_TOGETHER = 2
"""Large bodies that are parsed at a time: their values take many times their text, and the parser's lock is one."""
E = TypeVar("E", bound=Callable[..., Any])
B = TypeVar("B", bound=BaseModel)
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_parsing = CapacityLimiter(PARSING_TOGETHER)


def turns_of(request: Request) -> Turns:
    turns: Turns = request.app.state.turns
    return turns


class BodyAfterCaller(APIRoute):
    """
    A route whose body is read only once `let_in` has let its caller in, and whose work in a thread waits for its
    tenant's turn. What is no list stands once in a query, among the headers and in a form.
    """

    def get_route_handler(self) -> Handler:
        handle = self._in_turn(super().get_route_handler())
        names = self.single_names

        async def handle_after(request: Request) -> Response:
            await self.let_in(request)
            try:
                request = await self.read(request)
                if names.fields:
                    names.check_form(await request.form())
                return await handle(request)
            except ClientDisconnect:
                raise HTTPException(400, "the body broke off") from None

        taking = handle_after if self.takes_body() else handle

        async def handle_once(request: Request) -> Response:
            mistake = names.mistake_in(request)
            if mistake is not None:
                await self.let_in(request)
                raise mistake
            return await taking(request)

        return handle_once if names.queries or names.headers else taking

    @cached_property
    def single_names(self) -> SingleNames:
        return SingleNames.of(self.dependant)

    def _in_turn(self, handle: Handler) -> Handler:
        # One that is a coroutine sees to its threads itself.
        if iscoroutinefunction(self.endpoint):
            return handle

        async def handle_in_turn(request: Request) -> Response:
            tenant_id = await self.tenant_of(request)
            if tenant_id is None:
                return await handle(request)
            async with turns_of(request).of(tenant_id):
                return await handle(request)

        return handle_in_turn

    def takes_body(self) -> bool:
        return self.body_field is not None

    @abstractmethod
    async def let_in(self, request: Request) -> None:
        """Raises what its caller is to be told instead."""

    @abstractmethod
    async def tenant_of(self, request: Request) -> str | None:
        """The tenant whose turn it takes, if it is known. Raises what its caller is to be told instead."""

    async def read(self, request: Request) -> Request:
        """The request as the framework is to read it."""
        return request


class JsonRoute(BodyAfterCaller):
    """
    A route of the API: a bearer credential, then a JSON body; a query holds nothing that the route does not know.

    The OpenAPI document shows what its endpoint says it returns; of one that returns `Any`, what `responses` say.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **settings: Any) -> None:
        # FastAPI would check and copy every answer by that type. A type checker has, and it is JSON values already.
        settings["response_model"] = Any
        returned = get_typed_return_annotation(endpoint)
        if returned is not Any:
            good = responds_with(returned, settings.get("status_code") or 200)
            settings["responses"] = {**good, **(settings.get("responses") or {})}
        super().__init__(path, endpoint, **settings)

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_known(request: Request) -> Response:
            mistake = self.unknown_in(request)
            if mistake is not None:
                await self.let_in(request)
                raise mistake
            return await handle(request)

        return handle_known

    def unknown_in(self, request: Request) -> InvalidInput | None:
        """A name in its query that the route does not know."""
        unknown = next((name for name in request.query_params if name not in self._known), None)
        if unknown is None:
            return None
        # `dryrun=true` would put in force what was only to be looked at, and `statuses=FAILED` list everything.
        return InvalidInput(unknown[:100], "is not known in this query", _way_out(self._known))

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(field.alias for field in _fields(self.dependant, "query_params"))

    async def let_in(self, request: Request) -> None:
        await admit(request)

    async def tenant_of(self, request: Request) -> str:
        return (await admit(request)).tenant_id

    async def read(self, request: Request) -> Request:
        if isinstance(request, _ReadRequest):
            return request
        return _ReadRequest(request, *await _body_and_value(request))


class LeanRoute(JsonRoute):
    """
    A route that is asked very often: its endpoint's `lean` answers the usual request, and what it leaves alone goes
    the declared way, which is also what the OpenAPI document shows.

    The caller is let in, counted and read as on every other route.
    """

    async def answer(self, request: Request) -> tuple[Request, Response | None]:
        """The request with its body read, and the lean answer. Raises what its caller is to be told instead."""
        entry = await enter(request)
        known_of(request)["is_left"] = True
        try:
            body, value = await _body_and_value(request) if self.takes_body() else (b"", None)
        except ClientDisconnect:
            raise HTTPException(400, "the body broke off") from None
        except (InvalidInput, HTTPException):
            # Of two mistakes every route names the query's first. With a good body, what is unusual is left alone.
            if (mistake := self.unknown_in(request) or self.single_names.mistake_in(request)) is not None:
                raise mistake from None
            raise
        answer = await _LEAN[self.endpoint](request, entry, value)
        return (_ReadRequest(request, body, value) if answer is None else request), answer

    def get_route_handler(self) -> Handler:
        declared = super().get_route_handler()

        async def handle(request: Request) -> Response:
            # It may have been asked already, and have left it alone.
            if "is_left" in known_of(request):
                return await declared(request)
            request, answer = await self.answer(request)
            return answer or await declared(request)

        return handle


@dataclass(frozen=True, slots=True)
class SingleNames:
    """Names that a route knows and that are no lists: of several values under one, some would not be looked at."""

    queries: frozenset[str]
    headers: frozenset[str]
    fields: frozenset[str]
    """Of its form."""

    @classmethod
    def of(cls, dependant: Dependant) -> Self:
        kinds = ("query_params", "header_params", "body_params")
        queries, headers, body = (list(_fields(dependant, kind)) for kind in kinds)
        form = [field for field in body if isinstance(field.field_info, Form)]
        return cls(*(frozenset(_single(fields)) for fields in (queries, headers, form)))

    def mistake_in(self, request: Request) -> InvalidInput | None:
        twice = _twice(self.queries, (name for name, _ in request.query_params.multi_items()), "in this query")
        return twice or _twice(self.headers, request.headers.keys(), "among the headers")

    def check_form(self, form: FormData) -> None:
        """Raises `InvalidInput`."""
        mistake = _twice(self.fields, (name for name, _ in form.multi_items()), "in this form")
        if mistake is not None:
            raise mistake


def texts_of(form: FormData, several: Collection[str]) -> dict[str, str]:
    """
    The texts of a form of any shape, by name.

    Raises `InvalidInput` for a name that stands there twice, unless it is among `several`: of those it is the last.
    """
    texts = {name: text for name, text in form.multi_items() if isinstance(text, str)}
    mistake = _twice(texts.keys() - set(several), (name for name, _ in form.multi_items()), "in this form")
    if mistake is not None:
        raise mistake
    return texts


def _fields(dependant: Dependant, kind: str) -> Iterator[Any]:
    yield from getattr(dependant, kind)
    for inner in dependant.dependencies:
        yield from _fields(inner, kind)


def _single(fields: Iterable[Any]) -> Iterator[str]:
    return (field.alias for field in fields if not _is_list(field.field_info.annotation))


def _twice(names: Container[str], sent: Iterable[str], where: str) -> InvalidInput | None:
    many = ((name, times) for name, times in Counter(sent).items() if times > 1 and name in names)
    name, times = next(many, ("", 0))
    return InvalidInput(name, f"stands {times} times {where}", "send it once") if times else None


def _is_list(annotation: Any) -> bool:
    """Also one that may be left out."""
    return any(get_origin(each) is list for each in (annotation, *get_args(annotation)))


def _way_out(known: Collection[str]) -> str:
    return f"there is: {', '.join(sorted(known))}" if known else "leave the query out"


Lean = Callable[[Request, Entry, Any], Coroutine[Any, Any, Response | None]]
_LEAN: dict[Callable[..., Any], Lean] = {}


def leanly(lean: Lean) -> Callable[[E], E]:
    """
    `lean` answers usual requests of the endpoint, whose caller is let in and whose body is read; `None` leaves one to
    the endpoint. It may raise what the endpoint would. What is asked in a query is for it to look at.
    """

    def keep(endpoint: E) -> E:
        _LEAN[endpoint] = lean
        return endpoint

    return keep


def leanly_of_intent(permission: Permission) -> Callable[[E], E]:
    """For an endpoint that is given the running Remit, a caller with this permission, an intent's id, and a body."""

    def keep(endpoint: E) -> E:
        body_type = get_type_hints(endpoint)["body"]

        async def lean(request: Request, entry: Entry, value: Any) -> Response | None:
            name, body = request.path_params["action_intent_id"], read_as(body_type, value)
            if body is None or request.scope["query_string"] or not is_usual_id(name):
                return None
            remit = await remit_of(request)

            def work() -> Any:
                return endpoint(remit, require_within_tenant(entry.principal(), permission), name, body)

            async with turns_of(request).of(entry.tenant_id):
                return JsonAnswer(await run_in_threadpool(work))

        return leanly(lean)(endpoint)

    return keep


def is_usual_id(value: Any) -> bool:
    """An id of the usual kind; whether anything else will do, the declared way says."""
    return type(value) is str and _USUAL_ID.fullmatch(value) is not None


_USUAL_ID = re.compile(r"[A-Za-z0-9._:@-]{1,128}")


def read_as(body_type: type[B], value: Any) -> B | None:
    """The body that a parsed value is; what is none is for the declared way to refuse."""
    try:
        return body_type.model_validate(value)
    except ValidationError:
        return None


class JsonAnswer(JSONResponse):
    """A good answer as JSON that needs no further look before it leaves, with no headers but its own two."""

    def __init__(self, content: Any) -> None:
        self.status_code, self.background = 200, None
        self.body = orjson.dumps(content)
        self.raw_headers = [(b"content-length", b"%d" % len(self.body)), _JSON]


_JSON = b"content-type", b"application/json"


class _ReadRequest(Request):
    """A request whose body was read: what comes behind gets it without parsing it once more."""

    def __init__(self, request: Request, body: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._read, self._value = body, value

    async def body(self) -> bytes:
        return self._read

    async def json(self) -> Any:
        return self._value


async def _body_and_value(request: Request) -> tuple[bytes, Any]:
    """Raises `ClientDisconnect`, and what its caller is to be told of a body that is none."""
    parts = []
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = parts[0] if len(parts) == 1 else b"".join(parts)
    if not body or not _is_json(request):
        return body, None
    if len(body) <= PARSED_AT_ONCE_BYTES:
        return body, _parsed(body)
    return body, await to_thread.run_sync(_parsed, body, limiter=_parsing)


def _is_json(request: Request) -> bool:
    sent = [value for name, value in request.scope["headers"] if name == b"content-type"]
    kind = (sent[0] if sent else b"").decode("latin-1").partition(";")[0].strip().lower()
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return True
    raise InvalidInput("(body)", "is not said to be JSON", "send it with Content-Type: application/json")


def _parsed(body: bytes) -> Any:
    try:
        return read_json(body)
    except NotJson as error:
        raise NotJson(error.why, field="(body)") from None
    except InvalidInput as error:
        field = "(body)" if error.field == WHOLE else error.field
        raise InvalidInput(field, error.problem, error.way_out) from None
