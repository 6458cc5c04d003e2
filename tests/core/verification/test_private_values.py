"""Private values in a file alone: commitments are under every hash, and what is said to be erased was private."""

import pytest

from remit.app.offline import verify_export
from remit.stores.memory import MemoryStore

from ...flow.world import OTHER, TENANT, TYPE, World, bounds, type_of
from .exports import Lines, Mutations, assert_that_one_alone

IBAN = "DE02120300000000202051"
ONLY_OURS = """
forbid (principal, action, resource)
unless { context.texts.hasTag("iban") && context.texts.getTag("iban") like "DE*" && context.target_id like "c-*" };
"""

breaks = Mutations(8)
breaks_digest = Mutations(4)
breaks_order = Mutations(6)


@pytest.fixture(scope="module")
def exported():
    world = World(MemoryStore, sending=True)
    private = ["parameters.iban", "target.entity_id"]
    world.app.apply(
        bounds(
            action_types={TYPE: {**type_of(), "private": private}, OTHER: type_of()},
            policies=[{"name": "ours.cedar", "text": ONLY_OURS}],
        ),
        by="ann",
    )
    for name in ("kept", "erased", "emptied"):
        world.submit(name, parameters={"iban": IBAN, "text": "hello"})
        world.work()
    world.submit("asked", parameters={"iban": "FR7630006000011234567890189"})
    world.app.erase(TENANT, "erased", by="dora", reason="asked for", paths=["parameters.iban"])
    world.app.erase(TENANT, "emptied", by="dora", reason="asked for")
    world.assert_sound()
    return list(world.app.export(TENANT))


@pytest.fixture
def lines(exported):
    return Lines(exported)


def test_an_export_holds_no_private_value_and_verifies(exported):
    report = verify_export(iter(exported))

    assert report.ok and report.sealed
    # The target in its quotes: an id of an entry may hold these letters.
    assert not any(value in str(exported) for value in (IBAN, '"c-1"', "FR76"))


@breaks
def what_was_erased_was_never_private(lines):
    lines.data("erased", "CONTENT_ERASED")["paths"] = ["parameters.text"]


@breaks
def a_value_was_erased_twice(lines):
    erased = lines.entry("erased", "CONTENT_ERASED")
    lines.insert_after(erased, erased)


@breaks
def another_one_is_said_to_have_erased_it(lines):
    lines.data("erased", "CONTENT_ERASED")["erased_by"] = "mallory"


@breaks_order
def something_was_erased_that_no_intent_has(lines):
    lines.data("erased", "CONTENT_ERASED")["content"] = "decision"


@breaks_order
def an_erasure_does_not_say_of_what(lines):
    del lines.data("erased", "CONTENT_ERASED")["paths"]


@breaks_digest
def a_commitment_is_replaced_by_another(lines):
    other = lines.data("kept", "INTENT_PROPOSED")["parameters"]["iban"]
    lines.data("erased", "INTENT_PROPOSED")["parameters"]["iban"] = other


@breaks_digest
def a_commitment_is_replaced_by_a_value(lines):
    lines.data("kept", "INTENT_PROPOSED")["target"]["entity_id"] = "c-2"


@breaks
def a_rule_that_looks_at_no_private_value_forbade_it(lines):
    decided = lines.data("kept", "GATE_DECIDED")
    policy = next(check for check in decided["checks"] if check["check"] == "policy")
    policy["saw"] |= {"proposed_risk": "HIGH", "effective_risk": "HIGH"}
    lines.data("kept", "INTENT_PROPOSED")["risk_level"] = "HIGH"


@pytest.mark.parametrize("invariant, mutate", [*breaks, *breaks_order, *breaks_digest])
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    assert_that_one_alone(lines, invariant, mutate)


def test_in_the_first_format_what_looks_like_a_commitment_is_the_caller_s_own():
    """Nothing there was ever committed to: what is there was seen, and is compared."""
    world = World(MemoryStore, sending=True)
    world.apply()
    world.submit("old")
    found = Lines(list(world.app.export(TENANT)))
    for line in found.chain("old"):
        line.pop("v")
    found.data("old", "INTENT_PROPOSED")["parameters"] = {"a": {"$committed": "0" * 64}}
    erased = {**found.chain("old")[-1], "event_type": "CONTENT_ERASED", "actor": "dora"}
    erased["data"] = {"content": "private_values", "paths": ["parameters.a"], "erased_by": "dora", "reason": "x"}
    found.insert_after(found.chain("old")[-1], erased)

    report = verify_export(iter(found.rehashed()))

    assert any("parameters.a is said to be erased, and is not private in it" in str(f) for f in report.findings)
