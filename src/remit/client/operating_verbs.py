"""Verbs of who operates: the stop switch, paused tools, keys, and what tells people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from remit.client.calls import JsonObject, RouteCall, items_of, verb

if TYPE_CHECKING:
    # For annotations alone: at run time the client is httpx and the errors, so that it loads at once.
    from remit.core import views as a


class OperatingVerbs:
    """Every route of operating, and of telling people, once."""

    @verb("POST /v1/stop")
    def stop(
        self,
        *,
        reason: str,
        level: a.StopLevel = "autonomy",
        account_id: str | None = None,
        action_type: str | None = None,
        principal: str | None = None,
        even_if_unknown: bool = False,
    ) -> RouteCall[a.StopAnswer]:
        """
        Pull a stop switch: without an account, a principal and a type, the whole tenant's.

        Raises `NotFound` for an account or action type that was never seen, unless `even_if_unknown`.
        """
        scope = {"account_id": account_id, "action_type": action_type, "principal": principal}
        return RouteCall(body={"reason": reason, "level": level, **scope, "even_if_unknown": even_if_unknown})

    @verb("POST /v1/resume")
    def resume(
        self,
        *,
        reason: str,
        level: a.StopLevel = "autonomy",
        account_id: str | None = None,
        action_type: str | None = None,
        principal: str | None = None,
    ) -> RouteCall[a.ResumedAnswer]:
        scope = {"account_id": account_id, "action_type": action_type, "principal": principal}
        return RouteCall(body={"reason": reason, "level": level, **scope})

    @verb("GET /v1/tools")
    def failing_tools(self) -> RouteCall[list[a.FailingToolAnswer]]:
        """The tools whose latest calls failed, and which of them are paused."""
        return RouteCall(read=items_of)

    @verb("POST /v1/tools/{action_type}/resume")
    def resume_tool(self, action_type: str) -> RouteCall[a.ToolResumedAnswer]:
        """End the pause of a tool that kept failing."""
        return RouteCall(ids={"action_type": action_type})

    @verb("POST /v1/keys")
    def create_key(
        self,
        *,
        name: str,
        roles: Sequence[str],
        expires_at: str | None = None,
        on_behalf_of: str | None = None,
        tier: str = "api",
    ) -> RouteCall[a.NewKeyAnswer]:
        """
        Make an API key of the caller's tenant. Its text is in this answer alone.

        With `on_behalf_of` it is bound to that principal. `tier` says what it is for: `interactive`, `subagent`,
        `background` or `api`.
        """
        body = {"name": name, "roles": list(roles), "expires_at": expires_at}
        return RouteCall(body={**body, "on_behalf_of": on_behalf_of, "tier": tier})

    @verb("GET /v1/keys")
    def keys(self) -> RouteCall[list[a.KeyAnswer]]:
        return RouteCall(read=items_of)

    @verb("POST /v1/keys/{key_id}/revoke")
    def revoke_key(self, key_id: str) -> RouteCall[a.KeyAnswer]:
        return RouteCall(ids={"key_id": key_id})

    # --- telling people ---

    @verb("GET /v1/subscriptions")
    def subscriptions(self) -> RouteCall[list[a.SubscriptionAnswer]]:
        return RouteCall(read=items_of)

    @verb("PUT /v1/subscriptions/{subscription_id}")
    def set_subscription(self, subscription_id: str, asked: JsonObject) -> RouteCall[a.SubscriptionAnswer]:
        """Make a subscription, or replace the one of that name."""
        return RouteCall(ids={"subscription_id": subscription_id}, body=asked)

    @verb("DELETE /v1/subscriptions/{subscription_id}")
    def remove_subscription(self, subscription_id: str) -> RouteCall[a.SubscriptionAnswer]:
        return RouteCall(ids={"subscription_id": subscription_id})

    @verb("POST /v1/subscriptions/{subscription_id}/test")
    def test_subscription(self, subscription_id: str) -> RouteCall[a.DeliveryAnswer]:
        """Have a worker send it a test; `deliveries` says a moment later what came of it."""
        return RouteCall(ids={"subscription_id": subscription_id})

    @verb("GET /v1/deliveries")
    def deliveries(
        self, *, subscription_id: str | None = None, status: str | None = None, limit: int = 50
    ) -> RouteCall[list[a.DeliveryAnswer]]:
        """Deliveries, done and under way, the newest first."""
        return RouteCall(query={"subscription_id": subscription_id, "status": status, "limit": limit}, read=items_of)
