"""The request is what the pinned version of the action type makes of the intent."""

from ..world import OTHER, TYPE, type_of


def test_the_registry_version_that_the_intent_pinned_is_what_runs(world):
    seen = []
    world.far.script += [lambda call: seen.append(call.request["operation"]) or "yes"] * 2
    world.submit("old")
    world.apply(action_types={TYPE: type_of(operation="other"), OTHER: type_of()})
    world.submit("new")
    world.work()

    assert sorted(seen) == ["do", "other"]
    assert world.outcome("old").tool == "far do"
    assert (world.outcome("old").registry_version, world.outcome("new").registry_version) == (1, 2)
    assert world.outcome("new").tool == "far other"


def test_a_type_without_a_tool_that_an_earlier_release_let_through_ends_in_a_recorded_failure(world, monkeypatch):
    monkeypatch.setattr("remit.flow.review.of_tool", lambda *_: None)
    world.submit(action_type="NOBODY_KNOWS")
    world.approve()

    world.work()

    assert world.status() == "FAILED"
    assert (world.outcome().error_code, world.outcome().error_class) == ("MAPPING", "VALIDATION")
    world.assert_sound()


def test_a_mapping_that_breaks_ends_in_a_recorded_failure_and_keeps_its_charge(world):
    def broken(tool, intent):
        raise ZeroDivisionError("secret")

    world.far.map = broken
    world.submit()
    world.work()

    assert (world.status(), world.used()) == ("FAILED", 1)
    assert "secret" not in str(world.outcome().wire())
    world.assert_sound()
