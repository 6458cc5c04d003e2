"""What a tool answered, at the console: for those whom its type lets read it, as text and nothing else."""

from tests.entrypoints.http_world import EMAIL, NOTE, bounds

from .conftest import text_of

SHOWN = {"risk_tier": "MINIMAL", "tool": {"connector": "internal", "operation": "create_note"}}


def done(world, **result):
    types = {NOTE: {**SHOWN, "result": result}}
    world.remit.apply(bounds(action_types=types), by="the test")
    world.submit("i-1", proposed_by="agent-1", parameters={"text": "<b>bold</b> \u202e and hidden"})
    world.work()


def test_people_whom_the_type_lets_read_see_the_content_as_text(world, visit):
    done(world, people=True)

    page = visit(roles={"auditor"}).get("/console/intents/i-1")

    assert "What the tool answered" in page.text
    assert "&lt;b&gt;bold&lt;/b&gt;" in page.text
    assert "<b>bold</b>" not in page.text
    assert "U+202E" in text_of(page)


def test_others_see_what_is_known_of_it(world, visit):
    done(world)

    page = visit(roles={"auditor"}).get("/console/intents/i-1")

    assert "Its content is for whoever proposed the action." in text_of(page)
    assert "created_at&#34;" not in page.text
    assert world.remit.status("acme", "i-1")["result"]["sha256"] in page.text


def test_what_is_erased_or_not_kept_is_said(world, visit):
    done(world, people=True, mode="refs")

    assert "only the hash is kept" in text_of(visit().get("/console/intents/i-1"))


def test_what_was_erased_says_so(world, visit):
    done(world, people=True)
    world.remit.erase_result("acme", "i-1", by="ann", reason="asked for")

    text = text_of(visit().get("/console/intents/i-1"))

    assert "It was erased; its hash stays." in text
    assert "Content erased" in text


def test_who_may_erase_what_the_tool_answered_does_so_on_its_page_and_nobody_else_is_offered_it(world, visit):
    done(world, people=True)
    ann = visit(roles={"admin", "auditor"})
    assert "Erase what the tool answered" in text_of(ann.get("/console/intents/i-1"))
    assert "Erase" not in text_of(visit(roles={"approver"}).get("/console/intents/i-1"))

    answer = ann.post("/console/intents/i-1/erase", {"what": "result", "reason": "asked for"})

    assert answer.status_code == 303
    text = text_of(ann.get("/console/intents/i-1"))
    assert "It was erased; its hash stays." in text and "Erase what the tool answered" not in text
    (told,) = [entry for entry in world.remit.ledger("acme", "i-1") if entry["event_type"] == "CONTENT_ERASED"]
    assert (told["actor"], told["data"]["reason"]) == ("ann", "asked for")


def test_private_values_are_erased_on_their_page_once(world, visit):
    types = bounds()["action_types"]
    private = {**types[EMAIL], "private": ["parameters.text"]}
    world.remit.apply(bounds(action_types={**types, EMAIL: private}), by="the test")
    world.submit("i-1", action_type=EMAIL, parameters={"text": "secret-words"})
    ann = visit(roles={"admin", "approver"})
    assert "secret-words" in ann.get("/console/intents/i-1").text

    ann.post("/console/intents/i-1/erase", {"what": "private", "reason": "asked for"})

    page = ann.get("/console/intents/i-1")
    assert "secret-words" not in page.text and "Erase its private values" not in text_of(page)


def test_a_person_asks_back_from_the_card_and_the_supplement_is_shown_as_text(world, visit):
    world.submit("i-1", action_type=EMAIL, proposed_by="agent-1")
    ann = visit(roles={"approver"})

    ann.post("/console/intents/i-1/question", {"text": "Which order?"})
    waits = text_of(ann.get("/console/queue"))
    world.remit.supplement("acme", "i-1", by="agent-1", text="<b>17</b> \u202e")
    answered = ann.get("/console/queue")

    assert "asked" in waits and "Which order?" in waits and "not answered yet" in waits
    assert "&lt;b&gt;17&lt;/b&gt;" in answered.text
    assert "U+202E" in answered.text
