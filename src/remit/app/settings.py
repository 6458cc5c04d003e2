"""The part of the app for what people set: bounds, stop switches, API keys, sessions and the links that begin them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from remit.app.part import FlowMethod, Part, new_secret
from remit.core.errors import InvalidInput, mistakes_of, raise_together
from remit.core.gate.autonomy import Stop, StopLevel, StopScope, check_stop
from remit.core.gate.bounds import Bounds, BoundsInForce, changed_types, unregistered
from remit.core.gate.bounds_checks import InvalidBounds, parse_bounds
from remit.core.gate.bounds_conflicts import conflicts
from remit.core.gate.bounds_parts import BoundsPart
from remit.core.gate.log_only import promoted
from remit.core.identity.api_key import ApiKey, parse_new_key
from remit.core.identity.credential import PROCESS, Credential
from remit.core.identity.person import check_person
from remit.core.identity.principal import Principal
from remit.core.identity.session import LINK_LIVES, IssuerLogout, csrf_token
from remit.core.values import check_tenant
from remit.flow.context import bounds_now
from remit.flow.kept_policies import KeepPolicies
from remit.flow.obstacles import unlisted_hosts
from remit.flow.one_write import in_one_write
from remit.flow.reading import replay as replay_flow
from remit.flow.reading import suggest as suggest_flow
from remit.flow.reading.automate import automation, candidate_wire, cannot_wire
from remit.flow.reading.known import require_seen
from remit.flow.reading.replay import Advance, no_progress
from remit.flow.settings import bounds as bounds_flow
from remit.flow.settings import keys as keys_flow
from remit.flow.settings import proof as proof_flow
from remit.flow.settings import sessions
from remit.lab.automate import Candidate

if TYPE_CHECKING:
    from remit.core.views import AutomateAnswer, CandidateAnswer, ProofAnswer, ReplayAnswer, SuggestionsAnswer

REPLAYED_BY = "replay"
"""Named where a change asks who makes it; a replay writes nothing."""


class Settings(Part):
    """Each takes effect with the next decision and the next request."""

    # --- bounds ---

    def apply(
        self, bounds: Any, *, by: str, dry_run: bool = False, expected_sequence: int | None = None
    ) -> tuple[BoundsInForce, BoundsInForce]:
        """
        Replace a tenant's whole bounds. Answers what was in force and what is, or would be.

        Raises `InvalidInput` naming the field, and `BoundsChanged` if the bounds in force are not number
        `expected_sequence`; then nothing changed.
        """
        checked = self._parsed(bounds)
        return self._change_bounds(
            checked.tenant, lambda _: checked, by=by, dry_run=dry_run, expected_sequence=expected_sequence
        )

    def _parsed(self, bounds: Any) -> Bounds:
        """Raises with what is wrong in the sound rest as well, so that all of it is corrected at once."""
        try:
            return parse_bounds(bounds)
        except InvalidBounds as error:
            rest = self.mistakes_in(error.rest) if error.rest else []
            raise_together([*error.all, *rest])
            raise

    def mistakes_in(self, bounds: Bounds) -> list[InvalidInput]:
        """Problems that keep sound bounds from being put in force here. Changes nothing."""
        return self._mistakes_in(bounds.tenant, bounds)

    def _mistakes_in(self, tenant_id: str, bounds: Bounds) -> list[InvalidInput]:
        return [
            *bounds_flow.mistakes_in(self.context, tenant_id, bounds),
            *mistakes_of(lambda: proof_flow.check_never(self.context, tenant_id, bounds.never)),
        ]

    def warnings(self, bounds: Bounds) -> list[str]:
        """
        Likely slips, which are allowed: names that nothing bears, parts on which another has the last word, and
        tools whose host is not listed.
        """
        # Imported here: it reads rules as Cedar's parser made them, which whoever changes no bounds need not load.
        from remit.core.gate.bounds_slips import slips

        unknown = [f"{path}: {name} is not a registered action type" for path, name in unregistered(bounds)]
        return [
            *unknown,
            *slips(bounds),
            *map(str, conflicts(bounds)),
            *unlisted_hosts(bounds, self.context.connectors),
        ]

    def apply_part(
        self,
        tenant_id: str,
        part: BoundsPart,
        *,
        by: str,
        dry_run: bool = False,
        expected_sequence: int | None = None,
    ) -> tuple[BoundsInForce, BoundsInForce]:
        """Apply one part of them; the others stay as they are, whoever changes them meanwhile."""
        return self._change_bounds(tenant_id, part.within, by=by, dry_run=dry_run, expected_sequence=expected_sequence)

    def promote(
        self, tenant_id: str, name: str, *, by: str, dry_run: bool = False, expected_sequence: int | None = None
    ) -> tuple[BoundsInForce, BoundsInForce]:
        """
        Make a `log_only` policy file or limit count. Answers what was in force and what is, or would be.

        Raises `InvalidInput` for a name that neither bears, and `BoundsChanged` as `apply` does.
        """
        return self._change_bounds(
            tenant_id,
            lambda bounds: promoted(bounds, name),
            by=by,
            dry_run=dry_run,
            expected_sequence=expected_sequence,
        )

    def replay(
        self, bounds: Any, *, period: str = "30d", expected_sequence: int | None = None, advance: Advance = no_progress
    ) -> ReplayAnswer:
        """
        The tenant's last `period` as it would have been with these bounds in force, from its ledger. Writes nothing.

        Raises as `apply` does, and `InvalidInput` for a period that is none.
        """
        before, after = self.apply(bounds, by=REPLAYED_BY, dry_run=True, expected_sequence=expected_sequence)
        return self.replay_change(before, after, period=period, advance=advance)

    def replay_change(
        self, before: BoundsInForce, after: BoundsInForce, *, period: str, advance: Advance = no_progress
    ) -> ReplayAnswer:
        """Replay a change that `apply` or `apply_part` answered with `dry_run`."""
        return replay_flow.replay_store(self.context, before, after, period, self.clock.now(), advance)

    def automate(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        period: str | None = "30d",
        advance: Advance = no_progress,
    ) -> AutomateAnswer:
        """
        The smallest changes of bounds under which a waiting intent would have run alone, each confirmed by the gate's
        own `decide`, with its replay over the last `period` (without one, none), and whether it is wider by more than
        that. Writes nothing.

        Raises `NotFound`, and `NotInThatState` for what does not wait for a person.
        """
        before, intent, found = automation(self.context, tenant_id, action_intent_id)

        def shown(candidate: Candidate, proof: ProofAnswer) -> CandidateAnswer:
            over = self.replay_change(before, candidate.after, period=period, advance=advance) if period else None
            return candidate_wire(before, candidate, over, proof)

        proofs = [(candidate, proof_flow.prove_change(before, candidate.after)) for candidate in found.candidates]
        # Properties that do not hold of it: no door would put it in force.
        allowed = [(each, proof) for each, proof in proofs if all(never["holds"] for never in proof["never"])]
        return {
            "tenant_id": tenant_id,
            "action_intent_id": action_intent_id,
            "config_sequence": before.config_sequence,
            "already": found.already,
            "cannot": cannot_wire(found, before, intent.action_type, any_allowed=bool(allowed)),
            "candidates": [shown(each, proof) for each, proof in allowed],
        }

    def suggestions(self, tenant_id: str, *, advance: Advance = no_progress) -> SuggestionsAnswer:
        """
        By shape of action: how people answered, a bound on how often they disagree, and the change of bounds that this
        speaks for, if it does for one. Changes nothing.
        """
        return suggest_flow.suggestions(self.context, tenant_id, self.clock.now(), advance)

    def prove(self, bounds: Any, *, never: Sequence[str] = ()) -> ProofAnswer:
        """
        Whether these bounds are wider or narrower than those in force, over all actions that could be proposed, and
        whether their properties, and these, hold of them. Writes nothing.

        Raises as `apply` does, but for properties that do not hold.
        """
        checked = self._parsed(bounds)
        proof_flow.check_never(self.context, checked.tenant, never)
        before, after = self._candidate(checked.tenant, lambda _: checked, self.clock.now(), None)
        return proof_flow.prove_change(before, after, never)

    prove_change = staticmethod(proof_flow.prove_change)

    def _change_bounds(
        self,
        tenant_id: str,
        wanted: Callable[[Bounds], Bounds],
        *,
        by: str,
        dry_run: bool,
        expected_sequence: int | None,
    ) -> tuple[BoundsInForce, BoundsInForce]:
        check_person("by", by)
        now = self.clock.now()
        before, after = self._candidate(tenant_id, wanted, now, expected_sequence)
        if after != before:
            proof_flow.require_never(after)
        if dry_run:
            return before, after
        many = len(changed_types(before, after)) > bounds_flow.MOST_TYPES_AT_ONCE
        staged = bounds_flow.stage_types(self.context, tenant_id, wanted, now) if many else None
        change = bounds_flow.ChangeBounds(
            self.context,
            tenant_id,
            wanted,
            by,
            now,
            expected_sequence=expected_sequence,
            staged=staged,
            proved=after.bounds,
        )
        # Those before it too: this release may have decided by them, which an earlier one kept as it reads them itself.
        kept = KeepPolicies(tenant_id).unit()
        if before.config_sequence:
            self._one(kept)
        changed, _ = self._one(in_one_write(change.unit(), kept))
        return changed

    def _candidate(
        self, tenant_id: str, wanted: Callable[[Bounds], Bounds], now: datetime, expected_sequence: int | None
    ) -> tuple[BoundsInForce, BoundsInForce]:
        """The bounds in force and those that would be, checked but for their properties."""
        before = bounds_now(self.context, tenant_id)
        checked = wanted(before.bounds)
        raise_together(self._mistakes_in(tenant_id, checked))
        return before, bounds_flow.next_bounds(before, checked, now, expected_sequence)

    check_policies = FlowMethod(bounds_flow.rules_of)

    # --- stop switches ---

    def stop(
        self, scope: StopScope, *, by: str, reason: str, level: StopLevel = "autonomy", even_if_unknown: bool = False
    ) -> Stop:
        """
        Pull a stop switch: it takes effect on the next decision and the next execution.

        Raises `NeverSeen` for a tenant, account or action type of which nothing is known, unless `even_if_unknown`.
        """
        check_stop(scope, by, reason)
        if not even_if_unknown:
            require_seen(self.context, scope)
        return self._one(bounds_flow.StopAutonomy(self.context, scope, level, by, reason, self.clock.now()).unit())

    def resume(self, scope: StopScope, *, by: str, reason: str, level: StopLevel = "autonomy") -> bool:
        """Put a stop switch back. False if it was not pulled."""
        check_stop(scope, by, reason)
        return self._one(bounds_flow.ResumeAutonomy(self.context, scope, level, by, reason, self.clock.now()).unit())

    # --- API keys ---

    keys = FlowMethod(keys_flow.listed)

    def create_key(
        self, tenant_id: str, asked: Any, *, by: str, credential: Credential = PROCESS
    ) -> tuple[ApiKey, str]:
        """Make an API key. Its text is in the answer, and nowhere else ever again."""
        check_tenant(tenant_id)
        check_person("by", by)
        made, text = keys_flow.create(
            self.context,
            tenant_id,
            parse_new_key(asked),
            secret=new_secret(),
            created_by=by,
            created_through=credential,
            now=self.clock.now(),
        )
        return made, str(text)

    def revoke_key(self, tenant_id: str, key_id: str, *, by: str, credential: Credential = PROCESS) -> ApiKey:
        """From now on this key lets nobody in. Raises `NotFound`."""
        check_person("by", by)
        return keys_flow.revoke(self.context, tenant_id, key_id, by=by, credential=credential, now=self.clock.now())

    def authenticate(self, key: str) -> Principal:
        """The principal whom an API key's text lets in. Raises `Unauthenticated`."""
        return keys_flow.authenticate(self.context, key, self.clock.now())

    # --- sessions at the console ---

    def begin_session(
        self, principal: Principal, *, by_key: str | None = None, issuer_session: str | None = None
    ) -> str:
        """
        Sign a person in at the console, who came in by an API key if `by_key` is its text, or by the issuer's own
        session. Answers the cookie.
        """
        now, secret = self.clock.now(), new_secret()
        began = sessions.begin(
            self.context, principal, secret=secret, now=now, by_key=by_key, issuer_session=issuer_session
        )
        return str(began)

    def end_issuer_sessions(self, *, subject: str | None, issuer_session: str | None, tenant: str | None = None) -> int:
        """
        End the sessions that began at the issuer by this session of its, or this subject, and what browsers are told
        for them. Answers how many sessions.
        """
        logout = IssuerLogout(subject, issuer_session)
        return sessions.end_those_of(self.context, tenant, logout, self.clock.now())

    def session(self, cookie: str) -> tuple[Principal, str]:
        """The principal that is signed in, and the token that its forms carry. Raises `Unauthenticated`."""
        principal, shown = sessions.find(self.context, cookie, self.clock.now())
        return principal, csrf_token(shown)

    def end_session(self, cookie: str) -> None:
        """Sign out; the browser is told nothing more. Raises `Unauthenticated` if nobody was signed in."""
        sessions.end(self.context, cookie, self.clock.now())

    def make_link(
        self,
        principal: Principal,
        *,
        leads_to: str,
        loopback_only: bool = False,
        lives: timedelta = LINK_LIVES,
        by: str | None = None,
        credential: Credential = PROCESS,
    ) -> str:
        """
        The token of a link, `/console/link/TOKEN`, that signs `principal` in once and leads to a page.

        `by` made it; the principal itself, if left out.
        """
        check_person("name", principal.name)
        made_by = principal.name if by is None else by
        check_person("by", made_by)
        text = sessions.make_link(
            self.context,
            principal,
            leads_to=leads_to,
            loopback_only=loopback_only,
            secret=new_secret(),
            now=self.clock.now(),
            lives=lives,
            made_by=made_by,
            made_through=credential,
            actor=made_by,
        )
        return str(text)

    def redeem_link(self, token: str, *, on_loopback: bool) -> tuple[str, str]:
        """Use a link up. Answers the cookie of the session it begins, and where it leads. Raises `Unauthenticated`."""
        secret, now = new_secret(), self.clock.now()
        cookie, leads_to = sessions.redeem(self.context, token, on_loopback=on_loopback, secret=secret, now=now)
        return str(cookie), leads_to
