"""Attacks of an admin through policies, and of an agent through the parameters that policies read."""

from __future__ import annotations

from typing import Any

from attack.attack import Finding, attack, quiet_goes_on
from attack.installation import HOSTILE, NOTE, Answer, Installation, intent

BLOCK = """@id("frozen") @effect("BLOCK") @explanation("notes are frozen")
forbid (principal, action, resource) when {{ context.action_type == "{type}" }};
"""


def _apply(here: Installation, *texts: str) -> Answer:
    policies = [{"name": f"p{number}.cedar", "text": text} for number, text in enumerate(texts)]
    spec = here.bounds(HOSTILE, policies=policies)
    return here.ask_as(HOSTILE, "admin", "PUT", "/v1/bounds", json=spec)


@attack("an admin", "policies nested 2,000 deep, in every bracket, then a restart")
def nested_policies(here: Installation, seen: Finding) -> None:
    for opening, closing in (("(", ")"), ("[", "]"), ("{a: ", "}"), ("!", ""), ("-", ""), ("if true then ", " else 1")):
        for depth in (600, 2_000):
            body = opening * depth + "true" + closing * depth
            said = _apply(here, f'@id("deep") forbid (principal, action, resource) when {{ {body} }};')
            seen.must(400 <= said.status < 500, f"{depth} x {opening!r} is answered {said.status or said.text}")
            quiet_goes_on(here, seen, f"after {depth} x {opening!r}")
    here.stop()
    here.start()
    quiet_goes_on(here, seen, "after a restart")


@attack("an admin", "a chain of `has` that is costly to check")
def long_chains(here: Installation, seen: Finding) -> None:
    for body in (
        "context has " + ".".join("a" * 3_000),
        "context" + ".a" * 3_000 + " == 1",
        " || ".join(["true"] * 9_000),
    ):
        said = _apply(here, f'@id("chain") forbid (principal, action, resource) when {{ {body} }};')
        seen.must(said.status in (200, 422) and said.took_s < 15, f"{body[:20]}… took {said.took_s:.1f} s")
        quiet_goes_on(here, seen, f"after {body[:20]}…")


@attack("an admin", "line ends in comments that hide a rule, or carry a `permit`")
def line_ends(here: Installation, seen: Finding) -> None:
    for number, end in enumerate(("\r", "\u2028", "\u2029", "\u0085", "\x0c", "\x0b")):
        hidden = _apply(here, f"// a comment{end}permit (principal, action, resource);\n")
        if hidden.status == 200:
            name = f"permit-{number}"
            _must_ask(here, seen, name, end, confidence_score=0.1)
        blocked = _apply(
            here, f"// a comment{end}" + BLOCK.format(type=NOTE).replace("\n", end), BLOCK.format(type="OTHER")
        )
        if blocked.status == 200:
            name = f"block-{number}"
            _must_ask_or_say(here, seen, name, end)


def _must_ask(here: Installation, seen: Finding, name: str, end: str, **more: Any) -> None:
    said = here.ask_as(HOSTILE, "agent", "POST", "/v1/intents", json=intent(name, **more))
    runs = said.status == 200 and said.json().get("result") == "AUTO_EXECUTED"
    seen.must(not runs, f"a permit behind a comment that ends in {end!r} counts")


def _must_ask_or_say(here: Installation, seen: Finding, name: str, end: str) -> None:
    """Either the block holds, or what is in force shows no rule there: people see what binds."""
    said = here.ask_as(HOSTILE, "agent", "POST", "/v1/intents", json=intent(name))
    if said.status == 200 and said.json().get("result") == "AUTO_EXECUTED":
        shown = here.ask_as(HOSTILE, "admin", "GET", "/v1/policies").text
        seen.must("frozen" not in _rules_shown(shown), f"a block behind {end!r} is shown and does not hold")


def _rules_shown(text: str) -> str:
    """What is listed as a rule, without the text of the files."""
    return text.partition('"rules"')[2] or text.partition('"clauses"')[2]


SMALL_AMOUNTS = """@id("small_amounts") @explanation("only up to 50.00 runs without a person")
forbid (principal, action, resource) unless {
  context.numbers.hasTag("amount")
  && context.numbers.getTag("amount").greaterThan(decimal("0.00"))
  && context.numbers.getTag("amount").lessThanOrEqual(decimal("50.00"))
};
"""


@attack("an agent", "20,000 parameters under a policy that reads one")
def many_parameters(here: Installation, seen: Finding) -> None:
    said = _apply(here, SMALL_AMOUNTS)
    seen.must(said.status == 200, f"the policy is answered {said.status or said.text}")
    for number in range(4):
        big = [intent(f"big-{number}-{n}", parameters={"amount": 1, "list": [1] * 20_000}) for n in range(20)]
        here.ask_as(HOSTILE, "agent", "POST", "/v1/intents", json=big)
        quiet_goes_on(here, seen, "beside 20 x 20,000 parameters")


@attack("an agent", "parameters that pass for others under a policy")
def colliding_parameters(here: Installation, seen: Finding) -> None:
    _apply(here, SMALL_AMOUNTS)
    odd: list[Any] = [
        {"": {"amount": 5}},
        {"amount": {"": 5}},
        {"amount": [5]},
        {"amount": 500, "": {"amount": 5}},
        {"amount ": 5},
        {"Amount": 5},
        {"amount": "5"},
        {"amount": True},
    ]
    for number, parameters in enumerate(odd):
        said = here.ask_as(HOSTILE, "agent", "POST", "/v1/intents", json=intent(f"odd-{number}", parameters=parameters))
        ran = said.status == 200 and said.json().get("result") == "AUTO_EXECUTED"
        seen.must(not ran, f"{parameters} passes a rule about `amount`")
