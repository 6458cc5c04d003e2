"""Properties of bounds: whoever changes them, what was ruled out stays ruled out."""

import sys

import pytest

from remit.core.errors import InvalidInput, TryLater
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.bounds_parts import AutonomyModes, Policies, parse_part
from remit.flow.settings.bounds import ChangeBounds
from remit.ports import answer_of

from .world import NOON, OTHER, TENANT, TYPE, bounds, type_of

# Bounds are proved before a store sees them.
pytestmark = pytest.mark.parametrize("store_kind", ["memory"])
NEVER = ['risk == "HIGH"', f'action_type == "{OTHER}"']


def guarded(**changes):
    return bounds(**{"modes": {"default": "AUTO_EXECUTE", OTHER: "PROPOSE_ONLY"}, "never": NEVER, **changes})


@pytest.fixture
def guarded_world(world):
    world.app.apply(guarded(), by="ann")
    return world


def test_bounds_with_properties_that_hold_are_in_force(guarded_world):
    assert guarded_world.app.bounds(TENANT).bounds.never == NEVER
    guarded_world.assert_sound()


@pytest.mark.parametrize("dry_run", [False, True])
def test_bounds_that_break_a_property_are_refused_with_what_would_run_alone(guarded_world, dry_run):
    before = guarded_world.app.bounds(TENANT)

    with pytest.raises(InvalidInput) as refused:
        guarded_world.app.apply(guarded(modes={"default": "AUTO_EXECUTE"}), by="bob", dry_run=dry_run)

    assert refused.value.field == "never.1"
    assert f"{NEVER[1]} would run alone: {OTHER} in account some-account" in refused.value.problem
    assert "drop the property" in refused.value.way_out
    assert guarded_world.app.bounds(TENANT) == before


def test_a_part_that_breaks_a_property_is_refused_as_well(guarded_world):
    part = parse_part(AutonomyModes, {"tenant": {"default": "AUTO_EXECUTE"}, "accounts": {}})

    with pytest.raises(InvalidInput, match="would run alone"):
        guarded_world.app.apply_part(TENANT, part, by="bob")


def test_a_change_that_another_made_unproved_meanwhile_is_not_made(guarded_world):
    rule = f'forbid (principal, action, resource) when {{ context.action_type == "{OTHER}" }};'
    app = guarded_world.app
    app.apply(guarded(policies=[{"name": "own.cedar", "text": rule}]), by="ann")
    without = parse_part(Policies, {"policies": []})
    # Proved with the mode that still forbids it; by the time of the write, the mode is another one.
    proved = without.within(app.bounds(TENANT).bounds)
    in_force = parse_bounds(guarded(modes={"default": "AUTO_EXECUTE"}, policies=[{"name": "own.cedar", "text": rule}]))
    app.apply(in_force, by="bob")

    unit = ChangeBounds(app.context, TENANT, without.within, "ann", NOON, proved=proved).unit()

    with pytest.raises(TryLater, match="proved anew"):
        answer_of(app.context.store.transact([unit]))
    assert app.bounds(TENANT).bounds == in_force


@pytest.mark.parametrize(
    ("never", "said"),
    [
        ("risk ==", "not Cedar"),
        ('colour == "red"', "not Cedar"),
        ("risk == 5", "does not fit the schema"),
        ("true }; permit (principal, action, resource) when { true", "permit"),
        ("true }; forbid (principal, action, resource) when { true", "more than one condition"),
        ("true } unless { false", "more than one condition"),
        ("risk == \u2028", "line separator"),
    ],
)
def test_a_property_that_is_no_condition_is_refused_by_its_place(world, never, said):
    with pytest.raises(InvalidInput, match=said) as refused:
        world.app.apply(bounds(never=['risk == "HIGH"', never]), by="ann")

    assert refused.value.field == "never.1"


def test_a_property_that_is_not_proved_is_not_in_force(world):
    like = 'texts.hasTag("note") && texts.getTag("note") like "*a*b*c*"'

    with pytest.raises(InvalidInput, match="is not proved: the rule never 1 uses like"):
        world.app.apply(bounds(never=[like]), by="ann")


def test_without_the_solver_bounds_with_properties_are_refused_and_others_are_as_ever(world, monkeypatch):
    monkeypatch.setitem(sys.modules, "z3", None)

    with pytest.raises(InvalidInput, match=r"remit\[prove\]"):
        world.app.apply(guarded(), by="ann")
    assert world.app.apply(bounds(allowlist=[TYPE]), by="ann")[1].config_sequence == 2
    assert world.app.prove(bounds())["not_proved"][0]["problem"].endswith("pip install 'remit[prove]'")


def test_a_proof_says_how_bounds_stand_to_those_in_force(guarded_world):
    proof = guarded_world.app.prove(guarded(modes={"default": "AUTO_EXECUTE"}), never=["confidence < 7000"])

    assert (proof["verdict"], proof["wider"]["action"]["action_type"]) == ("WIDER", OTHER)
    assert [(each["never"], each["holds"]) for each in proof["never"]] == [
        (NEVER[0], True),
        (NEVER[1], False),
        ("confidence < 7000", True),
    ]
    assert guarded_world.app.prove(guarded())["verdict"] == "EQUAL"
    higher = {TYPE: type_of(), OTHER: type_of(min_confidence=0.9)}
    assert guarded_world.app.prove(guarded(action_types=higher))["verdict"] == "EQUAL"
