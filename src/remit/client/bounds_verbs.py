"""Verbs about bounds: read and replaced whole or in parts, tried on the history, proved, and policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from remit.client.calls import JsonObject, RouteCall, items_of, verb

if TYPE_CHECKING:
    # For annotations alone: at run time the client is httpx and the errors, so that it loads at once.
    from remit.core import views as a


@dataclass(frozen=True, slots=True)
class InForce:
    """Bounds, or a part of them, and the `config_sequence` that they are; send it back to change just those."""

    sequence: int
    value: dict[str, Any]


def _in_force(response: httpx.Response) -> InForce:
    return InForce(int(response.headers["ETag"].strip('"')), response.json())


def _replayed(response: httpx.Response) -> Any:
    return response.json()["replay"]


def _proved(response: httpx.Response) -> Any:
    return response.json()["proof"]


def _read_bounds(_: Any) -> RouteCall[InForce]:
    """The whole bounds in force, or the part of them that the verb is named after."""
    return RouteCall(read=_in_force)


def _replace_bounds(
    _: Any, bounds: JsonObject, *, expected_sequence: int | None = None, dry_run: bool = False
) -> RouteCall[a.BoundsChangedAnswer]:
    """Replace the whole bounds; with `expected_sequence` only if they are still those."""
    headers = {} if expected_sequence is None else {"If-Match": f'"{expected_sequence}"'}
    return RouteCall(query={"dry_run": dry_run}, body=bounds, headers=headers)


def _replace_part(
    verbs: Any, part: JsonObject, *, expected_sequence: int | None = None, dry_run: bool = False
) -> RouteCall[a.BoundsChangedAnswer]:
    """Replace the part that the verb is named after; with `expected_sequence` only if the bounds are still those."""
    return _replace_bounds(verbs, part, expected_sequence=expected_sequence, dry_run=dry_run)


class BoundsVerbs:
    """Every route about bounds once."""

    bounds = verb("GET /v1/bounds")(_read_bounds)
    replace_bounds = verb("PUT /v1/bounds")(_replace_bounds)

    @verb("PUT /v1/bounds")
    def replay(
        self, bounds: JsonObject, *, period: str = "30d", expected_sequence: int | None = None
    ) -> RouteCall[a.ReplayAnswer]:
        """The last `period` of the history under these whole bounds, which are not put in force."""
        asked = _replace_bounds(self, bounds, expected_sequence=expected_sequence, dry_run=True)
        query = {**asked.query, "replay": period}
        return RouteCall(query=query, body=bounds, headers=asked.headers, read=_replayed)

    @verb("GET /v1/intents/{action_intent_id}/automate")
    def automate(self, action_intent_id: str, *, replay: str = "30d") -> RouteCall[a.AutomateAnswer]:
        """The smallest changes of the bounds under which a waiting intent would have run; `replay=""` for no replay."""
        return RouteCall(ids={"action_intent_id": action_intent_id}, query={"replay": replay})

    @verb("GET /v1/suggestions")
    def suggestions(self) -> RouteCall[a.SuggestionsAnswer]:
        """People's answers by shape of action, and the changes of the bounds that this speaks for."""
        return RouteCall()

    @verb("POST /v1/bounds/promote")
    def promote(
        self, name: str, *, expected_sequence: int | None = None, dry_run: bool = False
    ) -> RouteCall[a.BoundsChangedAnswer]:
        """Make the `log_only` policy file or limit of that name count."""
        return _replace_bounds(self, {"name": name}, expected_sequence=expected_sequence, dry_run=dry_run)

    @verb("PUT /v1/bounds")
    def prove(self, bounds: JsonObject, *, expected_sequence: int | None = None) -> RouteCall[a.ProofAnswer]:
        """Whether these whole bounds are wider or narrower than those in force. They are not put in force."""
        asked = _replace_bounds(self, bounds, expected_sequence=expected_sequence, dry_run=True)
        query = {**asked.query, "proof": "true"}
        return RouteCall(query=query, body=bounds, headers=asked.headers, read=_proved)

    action_types = verb("GET /v1/action-types")(_read_bounds)
    replace_action_types = verb("PUT /v1/action-types")(_replace_part)
    allowlists = verb("GET /v1/allowlists")(_read_bounds)
    replace_allowlists = verb("PUT /v1/allowlists")(_replace_part)
    modes = verb("GET /v1/modes")(_read_bounds)
    replace_modes = verb("PUT /v1/modes")(_replace_part)
    budgets = verb("GET /v1/budgets")(_read_bounds)
    replace_budgets = verb("PUT /v1/budgets")(_replace_part)
    limits = verb("GET /v1/limits")(_read_bounds)
    replace_limits = verb("PUT /v1/limits")(_replace_part)
    principals = verb("GET /v1/principals")(_read_bounds)
    replace_principals = verb("PUT /v1/principals")(_replace_part)
    policies = verb("GET /v1/policies")(_read_bounds)
    replace_policies = verb("PUT /v1/policies")(_replace_part)

    @verb("POST /v1/policies/validate")
    def validate_policies(self, part: JsonObject) -> RouteCall[a.ValidatedAnswer]:
        """Check policies without saving them."""
        return RouteCall(body=part)

    @verb("POST /v1/policies/difference")
    def policy_difference(self, part: JsonObject) -> RouteCall[a.DifferenceAnswer]:
        """The difference that these policies would make to those in force."""
        return RouteCall(body=part)

    @verb("GET /v1/policies/versions")
    def policy_versions(self) -> RouteCall[list[a.VersionLine]]:
        return RouteCall(read=items_of)

    @verb("GET /v1/policies/versions/{version}")
    def policy_version(self, version: str) -> RouteCall[a.VersionAnswer]:
        return RouteCall(ids={"version": version})
