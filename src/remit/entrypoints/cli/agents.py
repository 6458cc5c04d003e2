"""Commands of agents: propose intents, have them decided, and take them back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

import typer
from msgspec import Struct, field

from remit.app.answers import WAIT_S
from remit.app.single_proposals import BATCH
from remit.core import rendering
from remit.core.errors import OutcomeUnknown, RemitError, TryLater
from remit.core.gate.decision import INTENT_NOT_FOUND, MISSING_INPUT
from remit.core.intent import ActionIntentV1
from remit.core.invalid_fields import likely_meant
from remit.entrypoints.cli import output
from remit.entrypoints.cli.json_line import JsonLine
from remit.entrypoints.cli.lines import batches, source
from remit.entrypoints.cli.options import AsJson, By, Db, Intent, Tenant, existing, opened, typed_by
from remit.entrypoints.server.process import settle
from remit.flow.gate import GateAnswer, GateRequest
from remit.ports import attempt, in_order
from remit.wiring import Remit

T = TypeVar("T")
Default = Annotated[str | None, typer.Option(metavar="NAME", help="For lines that do not say it.", show_default=False)]

LONGEST_LINE_BYTES = 1024 * 1024
MOST_SLIPS_TOLD = 5


def register(app: typer.Typer) -> None:
    app.command()(propose)
    app.command()(gate)
    app.command()(withdraw)
    app.command()(wait)
    app.command()(supplement)


def propose(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE.jsonl|-", help="Intents as JSON.", show_default=False)],
    tenant: Default = None,
    account: Default = None,
    proposed_by: Default = None,
    no_gate: Annotated[bool, typer.Option("--no-gate", help="Only store them.")] = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Propose the intents in a file, and have each decided.

    The file is one JSON object a line, or one JSON list, or objects over several lines each.
    A line that is wrong is told with its number and field, and the others go through: then the exit code is 2,
    or 4 if nothing but conflicts was wrong. If the database fails on the way, it stops there with exit code 5.

    Example: remit propose intents.jsonl --json
    """
    defaults = {"tenant_id": tenant, "account_id": account, "proposed_by": proposed_by}
    run = _Run({name: value for name, value in defaults.items() if value is not None}, not no_gate, as_json)
    with (
        source(file) as (stream, total),
        opened(ctx, db) as remit,
        output.progress("proposing", total, beside_lines=True) as advance,
    ):
        settle()
        for batch in batches(stream, most=BATCH, longest_bytes=LONGEST_LINE_BYTES):
            run.carry_out(remit, batch)
            advance(sum(line.size for line in batch))
            if run.interrupted:
                break
        slips = [] if as_json or run.interrupted else run.slips(remit)
    run.sum_up()
    for slip in slips[:MOST_SLIPS_TOLD]:
        output.note(f"! {slip}")
    raise typer.Exit(run.exit_code())


class _Run(Struct):
    """One file on its way through, and what became of its lines."""

    defaults: dict[str, Any]
    gating: bool
    as_json: bool
    results: Counter[str] = field(default_factory=Counter)
    exit_codes: set[int] = field(default_factory=set)
    action_types: dict[tuple[str, str], None] = field(default_factory=dict)
    """Tenant and type of what was taken, in the order of the file."""
    interrupted: bool = False

    def carry_out(self, remit: Remit, batch: Sequence[JsonLine]) -> None:
        read = [self._read(line) for line in batch]
        answers = in_order(read, RemitError, partial(self._submit, remit))
        for line, value, answer in zip(batch, read, answers, strict=True):
            self._tell(line.number, value, answer)
        # An agent at the other end of a pipe waits for these.
        output.flush()

    def slips(self, remit: Remit) -> list[str]:
        """
        Intents that were taken, count as high risk, and are likely a slip: types that the tenant's bounds do not have.
        """
        known = {tenant: remit.bounds(tenant).bounds.action_types for tenant, _ in self.action_types}
        found: dict[str, None] = {}
        for tenant, name in self.action_types:
            if not known[tenant]:
                found[f"tenant {tenant!r} has no action types yet; put bounds in force with 'remit apply'"] = None
            elif name not in known[tenant]:
                meant = likely_meant(name, known[tenant])
                way_out = f"is {meant} meant?" if meant else "register it in the bounds"
                found[f"{name} is not an action type of tenant {tenant!r}, so a person is asked; {way_out}"] = None
        return list(found)

    def _read(self, line: JsonLine) -> Any:
        value = attempt(line.value)
        return {**self.defaults, **value} if isinstance(value, dict) else value

    def _submit(self, remit: Remit, proposals: list[Any]) -> Sequence[GateAnswer | ActionIntentV1 | RemitError]:
        try:
            return remit.submit(proposals) if self.gating else remit.propose(proposals)
        except (TryLater, OutcomeUnknown) as error:
            self.interrupted = True
            return [error] * len(proposals)

    def _tell(self, line: int, sent: Any, answer: GateAnswer | ActionIntentV1 | RemitError) -> None:
        if isinstance(answer, RemitError):
            self.results["refused"] += 1
            self.exit_codes.add(_line_exit_code(answer))
            output.print_error(answer, as_json=self.as_json, line=line)
            if self.as_json:
                name = sent.get("action_intent_id") if isinstance(sent, dict) else None
                output.print_json({"line": line, "action_intent_id": name, **output.error_wire(answer)})
        else:
            self.action_types[str(sent["tenant_id"]), str(sent["action_type"])] = None
            result = answer.result if isinstance(answer, GateAnswer) else "PROPOSED"
            self.results[result] += 1
            if self.as_json:
                output.print_json({"line": line, **answer.wire()})
            else:
                output.say(f"{line}  {_sentence(answer)}")

    def sum_up(self) -> None:
        if not self.as_json:
            output.note(", ".join(f"{count} {name}" for name, count in self.results.items()) or "no lines")

    def exit_code(self) -> int:
        """Sending it all again comes first, then what has to be corrected."""
        order = (output.TRY_LATER, output.WRONG_INPUT, output.CONFLICT)
        return next((code for code in order if code in self.exit_codes), output.DONE)


def _line_exit_code(error: RemitError) -> int:
    # A line that names something unknown is a wrong line; nothing was asked for that could not be found.
    code = output.exit_code(error)
    return output.WRONG_INPUT if code == output.NOT_FOUND else code


def _sentence(answer: GateAnswer | ActionIntentV1) -> str:
    if isinstance(answer, GateAnswer):
        return f"{answer.action_intent_id}  {answer.result}  {answer.reason}: {answer.explanation}"
    return f"{answer.action_intent_id}  PROPOSED  digest {answer.digest}"


def gate(
    ctx: typer.Context,
    intents: Annotated[list[str], typer.Argument(metavar="INTENT...", help="Ids of intents.", show_default=False)],
    tenant: Tenant,
    account: Annotated[str, typer.Option("--account", metavar="A", help="The account it was proposed for.")],
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Decide intents that were proposed; what was decided before is answered as it was.

    Example: remit gate i-7 --tenant acme --account acct-1
    """
    with existing(ctx, db) as remit:
        answers = remit.gate([GateRequest(name, tenant, account) for name in intents])
    codes = [_tell_answer(answer, as_json) for answer in answers]
    raise typer.Exit(max(codes))


def withdraw(
    ctx: typer.Context,
    intent: Intent,
    tenant: Tenant,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="PROPOSER", help="Only if PROPOSER proposed it.", show_default=False),
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why.", show_default=False)] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Take back an intent that nobody has started, or the newest in its place, in the name of who proposed it.

    The ledger names the login of whoever typed this.

    Example: remit withdraw i-7 --tenant acme --reason "no longer needed"
    """
    with existing(ctx, db) as remit:
        by = remit.intent(tenant, intent).proposed_by if by is None else by
        case = remit.withdraw(tenant, intent, by=by, reason=reason, credential=typed_by())
    if as_json:
        named = {"action_intent_id": case.action_intent_id, "tenant_id": tenant}
        output.print_json({**named, "status": case.status, "withdrawn_by": by})
    else:
        output.say(f"{case.action_intent_id} is taken back")


def _tell_answer(answer: GateAnswer | RemitError, as_json: bool) -> int:
    if isinstance(answer, RemitError):
        output.print_error(answer, as_json=as_json)
        return output.exit_code(answer)
    if as_json:
        output.print_json(answer.wire())
    else:
        output.say(_sentence(answer))
    return {INTENT_NOT_FOUND: output.NOT_FOUND, MISSING_INPUT: output.WRONG_INPUT}.get(answer.reason, output.DONE)


def wait(
    ctx: typer.Context,
    intent: Intent,
    tenant: Tenant,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0, help="How many seconds to wait at most.")
    ] = WAIT_S,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Wait for what becomes of an intent, or of what takes its place, and say it in words.

    Exit code 5: it is not settled yet. Ask again.

    Example: remit wait i-7 --tenant acme --timeout 60
    """
    with existing(ctx, db) as remit:
        found = remit.wait(tenant, intent, timeout_s=timeout)
    if as_json:
        output.print_json(found)
    else:
        output.say(rendering.sentence(found["text"], lines=True))
    raise typer.Exit(output.DONE if found["settled"] else output.TRY_LATER)


def supplement(
    ctx: typer.Context,
    intent: Intent,
    tenant: Tenant,
    by: By,
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="What there is to say.")],
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Answer what people asked about an intent, as its proposer; it waits on.

    Example: remit supplement i-7 --tenant acme --by agent --text "Order 17."
    """
    with existing(ctx, db) as remit:
        asked = remit.supplement(tenant, intent, by=by, text=text, credential=typed_by())
    if as_json:
        output.print_json({"action_intent_id": intent, "questions": [each.wire() for each in asked]})
    else:
        output.say(f"{intent} waits on; what was asked is answered")
