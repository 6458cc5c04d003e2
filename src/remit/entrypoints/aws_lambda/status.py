"""
The Status API, behind API Gateway's JWT authorizer (HTTP API, payload 2.0): where one intent stands, why, and what its
tool answered.

The tenant comes from the verified token's claims and from nowhere else. `REMIT_OIDC_TENANT_CLAIM`,
`REMIT_OIDC_ROLES_CLAIM` and `REMIT_OIDC_NAME_CLAIM` name the claims where they are not `tenant`, `roles` and `sub`;
with `REMIT_OIDC_ACCOUNTS_CLAIM` a token is for the accounts that this claim lists, and for no other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from remit.core.errors import CallerMistake, Conflict, NotFound, OutcomeUnknown, TryLater, Unauthenticated
from remit.core.identity.principal import Principal
from remit.entrypoints.aws_lambda.entry import entry, logger
from remit.entrypoints.web.claims import principal_of_claims
from remit.entrypoints.web.problem_details import MEDIA_TYPE, problem_of
from remit.wiring import Remit

INTERNAL = {"type": "/problems/internal", "title": "Something is wrong here", "status": 500}


@dataclass(frozen=True, slots=True)
class _SessionClaims:
    """Which claim says what."""

    tenant_claim: str
    roles_claim: str
    name_claim: str
    accounts_claim: str | None
    on_behalf_of_claim: str | None = None
    tenant: str | None = None
    # The gateway runs a list together with blanks between, which groups' names may hold.
    groups: None = None
    groups_claim: str = "groups"


RESULT = "GET /v1/intents/{action_intent_id}/result"
ROUTES: dict[str, Callable[[Remit, str, str], dict[str, Any]]] = {
    "GET /v1/intents/{action_intent_id}": lambda remit, tenant_id, name: remit.status(tenant_id, name),
    "GET /v1/intents/{action_intent_id}/why": lambda remit, tenant_id, name: remit.why(tenant_id, name),
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


def _read(remit: Remit, event: Mapping[str, Any]) -> dict[str, Any]:
    caller = _caller(event)
    caller.require("read_own")
    read = ROUTES.get(str(event.get("routeKey")))
    name = str((event.get("pathParameters") or {}).get("action_intent_id", ""))
    if read is None:
        raise NotFound("path", str(event.get("rawPath")), caller.tenant_id)
    intent = remit.intent(caller.tenant_id, name)
    caller.require_sight_of(intent.proposed_by, intent.account_id)
    if event.get("routeKey") == RESULT:
        people = remit.result_settings(caller.tenant_id, name).people
        caller.require_result_of(intent.proposed_by, intent.account_id, people=people)
    return read(remit, caller.tenant_id, name)


def _caller(event: Mapping[str, Any]) -> Principal:
    authorizer = (event.get("requestContext") or {}).get("authorizer") or {}
    claims = (authorizer.get("jwt") or {}).get("claims")
    if not isinstance(claims, Mapping):
        raise Unauthenticated("no authorizer has verified a token for this request")
    return principal_of_claims({name: _unlisted(value) for name, value in claims.items()}, _claim_names())


def _unlisted(value: Any) -> Any:
    """API Gateway hands a list over as the text `[a b]`."""
    listed = isinstance(value, str) and value.startswith("[") and value.endswith("]")
    return value[1:-1] if listed else value


def _claim_names() -> _SessionClaims:
    return _SessionClaims(
        os.environ.get("REMIT_OIDC_TENANT_CLAIM") or "tenant",
        os.environ.get("REMIT_OIDC_ROLES_CLAIM") or "roles",
        os.environ.get("REMIT_OIDC_NAME_CLAIM") or "sub",
        os.environ.get("REMIT_OIDC_ACCOUNTS_CLAIM") or None,
        tenant=os.environ.get("REMIT_OIDC_TENANT") or None,
    )


def _response(status_code: int, media_type: str, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"content-type": media_type, "cache-control": "no-store"}
    return {"statusCode": status_code, "headers": headers, "body": orjson.dumps(body).decode()}


handler = entry(status)
