"""What a tool answered is one record: staged with the note of its answer, told with the outcome, and read as it was."""

import json
from datetime import timedelta

import pytest

from remit.core.canonical import sha256_hex
from remit.core.errors import NotFound
from remit.core.execution.result import MOST_KEPT_BYTES, kept_result
from remit.core.records import result_key
from remit.ports import UnitOfWork, Writes
from remit.testing.samples import putting

from ..world import OTHER, TENANT, TYPE, type_of
from .attempts import delivered

SAID = b'{"order": "o-17",  "total": 12.50}'
JSON = ("application/json", SAID)


def of_type(world, **result):
    """From here on the type keeps results so."""
    world.apply(action_types={TYPE: {**type_of(), "result": result}, OTHER: type_of(honours_idempotency_key=True)})


def done(world, name="i-1", says=JSON, **changes):
    """An action that was carried out, and what its result is then."""
    world.far.says = says
    world.submit(name, **changes)
    world.work()
    return world.app.status(TENANT, name)["result"]


def told(world, name="i-1"):
    """What the entries of an intent tell of its result."""
    entries = [entry for entry in world.app.ledger(TENANT, name) if entry["event_type"] != "GATE_DECIDED"]
    return [entry["data"]["result"] for entry in entries if "result" in entry["data"]]


def stored(world, name="i-1"):
    return world.record(result_key(TENANT, name))


def test_what_the_tool_answered_is_read_byte_for_byte_and_the_ledger_holds_its_hash(world):
    known = done(world)

    read = world.app.result(TENANT, "i-1")
    assert (read["state"], read["content"], read["encoding"]) == ("KEPT", SAID.decode(), "utf-8")
    assert (known["sha256"], known["size"], known["kept"]) == (sha256_hex(SAID), len(SAID), True)
    assert told(world) == [known]
    assert SAID.decode() not in json.dumps(world.app.ledger(TENANT, "i-1"))
    assert world.app.result(TENANT, "i-1") == read
    world.assert_sound()


def test_bytes_that_are_no_text_are_read_in_base64(world):
    done(world, says=("image/png", b"\x89PNG\xff"))

    read = world.app.result(TENANT, "i-1")

    assert (read["encoding"], read["content"]) == ("base64", "iVBOR/8=")


def test_a_refusal_s_answer_is_kept_as_well(world):
    world.far.script += ["no VALIDATION"]

    known = done(world)

    assert world.status() == "FAILED"
    assert world.app.result(TENANT, "i-1")["sha256"] == known["sha256"]
    world.assert_sound()


def test_only_the_answer_of_the_last_call_is_kept(world):
    world.far.script += ["no DOWNSTREAM"]
    world.far.says = ("text/plain", b"busy")
    world.submit()

    def second(call):
        world.far.says = JSON
        return "yes"

    world.far.script += [second]
    world.work()

    assert world.called() == 2
    assert world.app.result(TENANT, "i-1")["content"] == SAID.decode()
    assert len(told(world)) == 1


def test_a_call_without_an_answer_leaves_no_result(world):
    world.far.script += ["lost"]

    assert done(world) is None

    assert world.status() == "UNKNOWN"
    with pytest.raises(NotFound, match="result of intent"):
        world.app.result(TENANT, "i-1")
    world.assert_sound()


def test_before_there_is_an_outcome_there_is_no_result(world):
    world.submit()

    with pytest.raises(NotFound, match="result of intent"):
        world.app.result(TENANT, "i-1")
    with pytest.raises(NotFound, match="intent 'nobody'"):
        world.app.result(TENANT, "nobody")


def test_an_answer_of_256_kib_is_kept_and_of_a_larger_one_hash_and_size(world):
    most, more = b"\xff" * MOST_KEPT_BYTES, b"x" * (MOST_KEPT_BYTES + 1)

    done(world, "whole", says=("image/png", most))
    done(world, "larger", says=("text/plain", more))

    assert stored(world, "whole").content == most
    read = world.app.result(TENANT, "larger")
    assert (read["state"], read["not_kept"], read["content"]) == ("NOT_KEPT", "TOO_LARGE", None)
    assert (read["size"], read["sha256"]) == (len(more), sha256_hex(more))
    assert stored(world, "larger") is None
    world.assert_sound()


def test_a_type_may_keep_no_answers_or_their_hashes_alone(world):
    of_type(world, mode="none")
    assert done(world, "none") is None
    of_type(world, mode="refs")
    assert done(world, "refs")["not_kept"] == "REFS_ONLY"

    assert stored(world, "none") is stored(world, "refs") is None
    world.assert_sound()


def test_an_intent_s_result_is_kept_as_the_version_says_under_which_it_was_proposed(world):
    world.far.says = JSON
    world.submit("i-1")
    of_type(world, mode="none")
    world.work()

    assert world.app.status(TENANT, "i-1")["result"]["kept"]
    world.assert_sound()


def test_parts_that_the_type_drops_are_nowhere_in_the_store(world):
    of_type(world, drop_paths=["total"])

    known = done(world)

    assert stored(world).content == b'{"order":"o-17"}'
    assert known["sha256"] == sha256_hex(b'{"order":"o-17"}')
    world.assert_sound()


# --- erasing ---


def test_when_its_time_is_over_nobody_reads_it_and_reconciling_erases_it(world):
    of_type(world, keep="2h")
    known = done(world)
    world.clock.pass_(hours=2)

    read = world.app.result(TENANT, "i-1")
    assert (read["state"], read["content"], read["sha256"]) == ("ERASED", None, known["sha256"])
    assert stored(world) is not None
    world.assert_sound()

    assert world.app.reconcile().erased == 1
    assert stored(world) is None
    assert world.app.reconcile().erased == 0
    world.assert_sound()


def test_results_whose_time_is_not_over_stay(world):
    done(world)
    world.clock.pass_(days=6, hours=23)

    assert world.app.reconcile().erased == 0
    assert world.app.result(TENANT, "i-1")["state"] == "KEPT"


def test_many_results_are_erased_some_at_a_time(world):
    world.apply(budget={"max_autonomous_per_day": 100})
    for number in range(45):
        done(world, f"i-{number}")
    world.clock.pass_(days=8)

    rounds = [world.app.reconcile().erased for _ in range(4)]

    assert rounds[0] == 20 and sum(rounds) == 45 and rounds[-1] == 0
    world.assert_sound()


def test_erasing_what_is_over_reads_no_result_and_writes_no_intent(queueing, monkeypatch):
    world = queueing
    done(world)
    world.clock.pass_(days=8)
    for name in ("transact", "due_records", "read"):
        monkeypatch.setattr(world.store, name, None)

    assert world.app.results.erase_over() == 1


def test_what_another_call_put_in_the_place_of_a_result_that_is_over_stays(world):
    done(world)
    later = stored(world).changed(erase_at=world.clock.now() + timedelta(days=30))
    world.clock.pass_(days=8)
    world.inner.transact([putting((result_key(TENANT, "i-1"), later))])

    assert world.app.reconcile().erased == 0
    assert stored(world) == later


def test_a_result_is_erased_on_demand_and_the_ledger_says_by_whom_and_why(world):
    known = done(world)

    world.app.erase_result(TENANT, "i-1", by="ann", reason="the customer asked")

    read = world.app.result(TENANT, "i-1")
    assert (read["state"], read["content"], read["sha256"]) == ("ERASED", None, known["sha256"])
    assert stored(world) is None
    entry = world.app.ledger(TENANT, "i-1")[-1]
    assert (entry["event_type"], entry["actor"]) == ("CONTENT_ERASED", "ann")
    assert entry["data"] | {"credential": None} == {
        "content": "result",
        "sha256": known["sha256"],
        "erased_by": "ann",
        "credential": None,
        "reason": "the customer asked",
    }
    world.assert_sound()


def test_erasing_twice_or_what_was_never_kept_changes_nothing(world):
    done(world, "kept")
    done(world, "large", says=("text/plain", b"x" * (MOST_KEPT_BYTES + 1)))
    world.app.erase_result(TENANT, "kept", by="ann")
    before = [world.events(name) for name in ("kept", "large")]

    again = [world.app.erase_result(TENANT, name, by="bob") for name in ("kept", "large")]

    assert [world.events(name) for name in ("kept", "large")] == before
    assert [known.kept for known in again] == [True, False]
    world.assert_sound()


def test_what_its_time_has_taken_is_not_erased_on_demand_as_well(world):
    done(world)
    world.clock.pass_(days=7)

    world.app.erase_result(TENANT, "i-1", by="ann")

    assert "CONTENT_ERASED" not in world.events()
    assert stored(world) is None
    world.assert_sound()


@pytest.mark.parametrize("name", ["i-1", "nobody"])
def test_where_there_is_no_result_there_is_nothing_to_erase(world, name):
    world.submit()

    with pytest.raises(NotFound):
        world.app.erase_result(TENANT, name, by="ann")


def test_another_tenant_s_result_is_not_there(world, new_world):
    done(world)
    world.app.apply({"tenant": "globex"}, by="ann")

    for ask in (world.app.result, lambda *names: world.app.erase_result(*names, by="ann")):
        with pytest.raises(NotFound):
            ask("globex", "i-1")
    assert world.app.result(TENANT, "i-1")["state"] == "KEPT"


# --- what is stored is held against the ledger ---


def put(world, **changes):
    world.inner.transact([putting((result_key(TENANT, "i-1"), stored(world).changed(**changes)))])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"content": b"another"}, "not what its hash says"),
        ({"content": b"another", "sha256": sha256_hex(b"another")}, "another hash"),
        ({"account_id": "south"}, "filed under account south"),
    ],
)
def test_a_content_that_somebody_changed_is_found_and_not_read(world, changes, problem):
    done(world)
    put(world, **changes)

    assert any(problem in str(finding) for finding in world.app.verify(TENANT).findings)
    if "content" in changes:
        read = world.app.result(TENANT, "i-1")
        assert (read["state"], read["content"]) == ("DAMAGED", None)


def test_a_result_that_is_to_be_kept_longer_than_told_is_found(world):
    done(world)
    put(world, erase_at=world.clock.now().replace(year=2030))

    assert any("another time" in str(finding) for finding in world.app.verify(TENANT).findings)


def test_a_result_that_is_gone_before_its_time_is_found(world):
    done(world)
    key = result_key(TENANT, "i-1")
    world.inner.transact([UnitOfWork([key], lambda _: Writes(None, deletes=[key]))])

    assert any("missing before its time" in str(finding) for finding in world.app.verify(TENANT).findings)
    assert world.app.result(TENANT, "i-1")["state"] == "DAMAGED"


def test_a_result_that_was_erased_and_is_there_again_is_found(world):
    done(world)
    before = stored(world)
    world.app.erase_result(TENANT, "i-1", by="ann")
    world.inner.transact([putting((result_key(TENANT, "i-1"), before))])

    assert world.app.result(TENANT, "i-1")["state"] == "ERASED"
    assert any("was erased, and is there" in str(finding) for finding in world.app.verify(TENANT).findings)


def test_a_result_of_no_intent_is_found(world):
    done(world)
    stray = stored(world).changed(action_intent_id="stray")
    world.inner.transact([putting((result_key(TENANT, "stray"), stray))])

    assert any("no such intent" in str(finding) for finding in world.app.verify(TENANT).findings)


# --- step by step, and late ---


def test_the_steps_of_an_engine_carry_the_hash_alone(world):
    world.far.says = JSON
    message = delivered(world)
    carried = []

    def step(function, *arguments):
        answer = function(*arguments)
        carried.append(json.dumps([*map(str, arguments), answer], default=str))
        return answer

    assert world.run(message, step) == "SUCCEEDED"

    assert world.app.result(TENANT, "i-1")["content"] == SAID.decode()
    assert any(sha256_hex(SAID) in each for each in carried)
    assert not any("o-17" in each or "b3JkZXI" in each for each in carried)
    world.assert_sound()


def test_who_takes_over_after_the_answer_was_noted_tells_of_the_same_result(world):
    world.far.says = JSON
    message = delivered(world)
    executor = world.executor()
    ref = executor.start(message.data)
    executor.invoke(ref, executor.map(ref)["request"])
    # Staged, and nothing tells of it yet.
    assert stored(world).content == SAID
    assert world.app.verify(TENANT).ok
    world.clock.pass_(minutes=5)

    assert world.run(message) == "SUCCEEDED"

    assert world.called() == 1
    assert world.app.result(TENANT, "i-1")["content"] == SAID.decode()
    world.assert_sound()


def test_a_late_answer_that_resolves_what_was_unknown_brings_its_result(world):
    def while_waiting(call):
        world.clock.pass_(minutes=5)
        world.run(message)
        assert world.status() == "UNKNOWN"
        return "yes"

    world.far.says = JSON
    world.far.script += [while_waiting]
    message = delivered(world)

    assert world.run(message) == "SUCCEEDED"

    assert world.app.result(TENANT, "i-1")["content"] == SAID.decode()
    assert world.app.ledger(TENANT, "i-1")[-1]["event_type"] == "OUTCOME_RESOLVED"
    assert len(told(world)) == 1
    world.assert_sound()


def test_a_late_answer_beside_another_one_is_not_kept(world):
    """The far side honours keys: a second call was made, and its answer is what the outcome tells."""

    def while_waiting(call):
        world.clock.pass_(minutes=5)
        world.far.says = JSON
        world.run(message)
        world.far.says = ("text/plain", b"late")
        return "yes"

    world.far.script += [while_waiting]
    message = delivered(world, action_type=OTHER)
    world.run(message)

    assert world.called() == 2
    assert world.app.result(TENANT, "i-1")["content"] == SAID.decode()
    assert len(told(world)) == 1
    world.assert_sound()


def test_a_worker_s_late_answer_brings_its_result(queueing):
    world = queueing
    world.far.says = JSON
    world.submit()
    (taken,) = world.app.take(1, "w-slow")
    world.clock.pass_(minutes=5)
    world.work()
    assert world.status() == "UNKNOWN"
    # Its call had been made in time; the answer came after.
    taken_in_time = taken.connector.invoke(taken.call)

    answer = kept_result(taken.results, taken_in_time.answer, world.clock.now())
    assert world.app.settle([(taken, taken_in_time.changed(answer=answer))]) == ["SUCCEEDED"]

    assert world.app.result(TENANT, "i-1")["content"] == SAID.decode()
    world.assert_sound()
