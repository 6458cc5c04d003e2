"""
The Status API, behind API Gateway's JWT authorizer (HTTP API, payload 2.0): where one intent stands, why, the
publication state of its approval, and what its tool answered.

Tenant, roles and name come from the verified token's claims and from nowhere else, by the settings of the HTTP door
(`REMIT_OIDC_TENANT_CLAIM`, `REMIT_OIDC_GROUPS` and so on).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from remit.core.errors import CallerMistake, Conflict, InvalidInput, NotFound, OutcomeUnknown, TryLater, Unauthenticated
from remit.core.identity.principal import Principal
from remit.entrypoints.aws_lambda.entry import entry, logger
from remit.entrypoints.web.claims import principal_of_claims
from remit.entrypoints.web.problem_details import MEDIA_TYPE, problem_of
from remit.entrypoints.web.settings import issuer_from
from remit.wiring import Remit

INTERNAL = {"type": "/problems/internal", "title": "Something is wrong here", "status": 500}


RESULT = "GET /v1/intents/{action_intent_id}/result"
ROUTES: dict[str, Callable[[Remit, str, str], Mapping[str, Any]]] = {
    "GET /v1/intents/{action_intent_id}": lambda remit, tenant_id, name: remit.status(tenant_id, name),
    "GET /v1/intents/{action_intent_id}/why": lambda remit, tenant_id, name: remit.why(tenant_id, name),
    "GET /v1/intents/{action_intent_id}/auto-exec-state": lambda remit, tenant_id, name: remit.auto_exec_state(
        tenant_id, name
    ).wire(),
    RESULT: lambda remit, tenant_id, name: remit.result(tenant_id, name),
}


def status(remit: Remit, event: Mapping[str, Any]) -> dict[str, Any]:
    """One response of the HTTP API."""
    try:
        return _response(200, "application/json", _read(remit, event))
    except (CallerMistake, Conflict, OutcomeUnknown, TryLater) as error:
        problem = problem_of(error)
        return _response(problem["status"], MEDIA_TYPE, problem)
    except Exception:
        # What went wrong stands in the log alone: it may hold what the caller must not see.
        logger.exception("a status could not be read")
        return _response(500, MEDIA_TYPE, INTERNAL)


def _read(remit: Remit, event: Mapping[str, Any]) -> Mapping[str, Any]:
    caller = _caller(event)
    caller.require("read_own")
    read = ROUTES.get(str(event.get("routeKey")))
    name = str((event.get("pathParameters") or {}).get("action_intent_id", ""))
    if read is None:
        raise NotFound("path", str(event.get("rawPath")), caller.tenant_id)
    intent = remit.intent(caller.tenant_id, name)
    caller.require_sight_of(intent.proposed_by, intent.account_id)
    # Behind the look for the intent: of what is not the caller's own it is said before all else that it is not there.
    for unknown in event.get("queryStringParameters") or ():
        raise InvalidInput(str(unknown)[:100], "is not known in this query", "leave the query out")
    if event.get("routeKey") == RESULT:
        people = remit.result_settings(caller.tenant_id, name).people
        caller.require_result_of(intent.proposed_by, intent.account_id, people=people)
    return read(remit, caller.tenant_id, name)


def _caller(event: Mapping[str, Any]) -> Principal:
    authorizer = (event.get("requestContext") or {}).get("authorizer") or {}
    verified = (authorizer.get("jwt") or {}).get("claims")
    if not isinstance(verified, Mapping):
        raise Unauthenticated("no authorizer has verified a token for this request")
    # Whose issuer and audience they are, the gateway has looked at.
    names = issuer_from(os.environ, "", "")
    claims = {name: _unlisted(value) for name, value in verified.items()}
    if names.groups is not None and names.groups_claim in verified:
        claims[names.groups_claim] = _groups(event, names.groups_claim, verified[names.groups_claim])
    return principal_of_claims(claims, names)


def _unlisted(value: Any) -> Any:
    """API Gateway hands a list over as the text `[a b]`."""
    listed = isinstance(value, str) and value.startswith("[") and value.endswith("]")
    return value[1:-1] if listed else value


def _groups(event: Mapping[str, Any], claim: str, verified: Any) -> Any:
    """
    The groups one by one, as the token itself lists them: a group's name may hold blanks, and the gateway's text does
    not tell two groups from such a one. What it verified has to be that very list.
    """
    said = _payload(event).get(claim)
    if isinstance(said, list) and verified == f"[{' '.join(map(str, said))}]":
        return said
    if isinstance(said, str) and verified == said:
        return said
    raise Unauthenticated(f"the claim {claim!r} of the token is not what the gateway has verified; send one token")


def _payload(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Claims of the token as it was sent, whose signature the gateway has checked."""
    token = str((event.get("headers") or {}).get("authorization", "")).rpartition(" ")[2]
    try:
        part = token.split(".")[1]
        found = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        found = None
    return found if isinstance(found, Mapping) else {}


def _response(status_code: int, media_type: str, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"content-type": media_type, "cache-control": "no-store"}
    return {"statusCode": status_code, "headers": headers, "body": orjson.dumps(body).decode()}


handler = entry(status)
