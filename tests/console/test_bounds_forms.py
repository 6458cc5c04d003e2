"""Bounds for people who write no file: types, rules and limits by form, and what they do not do said at once."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from playwright.sync_api import expect

from remit.core.gate.sampling import StopAfter
from tests.entrypoints.http_world import ACME, EMAIL, NOTE, OWN, bounds

from .conftest import text_of

SCHEMA = {
    "type": "object",
    "properties": {
        "amount": {"type": "number"},
        "currency": {"type": "string"},
        "cause": {"enum": ["lost", "damaged"]},
    },
}
REFUND = {
    "risk_tier": "LOW",
    "tool": {"connector": "caller"},
    "parameters": SCHEMA,
    "amounts": {"refund": {"value": "parameters.amount", "unit": "parameters.currency"}},
}


@pytest.fixture
def with_refunds(world):
    world.remit.apply(bounds(action_types={**bounds()["action_types"], OWN: REFUND}), by="ann")
    return world


def put_in_force(somebody, shown):
    """What the page that shows a change would put in force."""
    assert shown.status_code == 200, text_of(shown)
    field = {name: re.search(f'name="{name}" value="([^"]*)"', shown.text)[1] for name in ("sequence", "wanted")}
    answer = somebody.post("/console/bounds/apply", {name: unescape(value) for name, value in field.items()})
    assert answer.status_code == 303, text_of(answer)


class Form(HTMLParser):
    """What a browser would send of the form of a type."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.said, self._area, self._select = {}, None, None

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        name = given.get("name")
        if tag == "input" and name and (given.get("type") != "checkbox" or "checked" in given):
            self.said[name] = given.get("value", "on")
        elif tag == "textarea":
            self._area, self.said[name] = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in given or self._select not in self.said):
            self.said[self._select] = given.get("value")

    def handle_endtag(self, tag):
        self._area = None if tag == "textarea" else self._area
        self._select = None if tag == "select" else self._select

    def handle_data(self, data):
        if self._area:
            self.said[self._area] += data


def form_of(page):
    form = Form()
    form.feed(page[page.index('class="type"') :])
    return {name: text for name, text in form.said.items() if name != "csrf"}


def now(world):
    return world.remit.bounds(ACME).bounds


def test_all_of_an_action_type_is_changed_by_a_form_and_what_the_form_does_not_say_stays(visit, with_refunds):
    ann = visit()
    opened = ann.get(f"/console/bounds/types/{OWN}").text
    assert '<option value="caller" selected>' in opened

    said = {"sequence": "2", "risk_tier": "MINIMAL", "min_confidence": "0.9", "expires_after": "2h"}
    more = {
        "approvals_required": "2",
        "title": "Refund {amounts.refund}",
        "connector": "caller",
        "more": '{"timeout_s": 9}',
    }
    put_in_force(ann, ann.post(f"/console/bounds/types/{OWN}", {**said, **more}))

    spec = now(with_refunds).action_types[OWN]
    assert (spec.risk_tier, spec.min_confidence, spec.approvals_required) == ("MINIMAL", 0.9, 2)
    assert (spec.title, spec.tool.timeout_s, spec.parameters) == ("Refund {amounts.refund}", 9, SCHEMA)
    assert "refund" in spec.amounts


def test_what_people_judge_afterwards_is_set_by_the_form_and_taken_out_again(visit, world):
    ann = visit()
    at, judged = f"/console/bounds/types/{OWN}", {"sample": "0.02", "disagreements": "1", "of_sampled": "20"}
    put_in_force(ann, ann.post(at, {**form_of(ann.get(at).text), **judged}))

    spec = now(world).action_types[OWN]
    assert (spec.sample, spec.stop_after) == (0.02, StopAfter(disagreements=1, of_sampled=20))
    assert {name: form_of(ann.get(at).text)[name] for name in judged} == judged

    put_in_force(ann, ann.post(at, {**form_of(ann.get(at).text), **dict.fromkeys(judged, "")}))
    assert (now(world).action_types[OWN].sample, now(world).action_types[OWN].stop_after) == (None, None)


def test_a_new_type_is_registered_and_one_is_taken_out(visit, world):
    ann = visit()
    said = {"sequence": "1", "risk_tier": "LOW", "connector": "internal", "operation": "create_task", "more": "{}"}

    put_in_force(ann, ann.post("/console/bounds/types/new", {**said, "name": "MAKE_TASK"}))
    assert now(world).action_types["MAKE_TASK"].tool.name == "internal create_task"
    put_in_force(ann, ann.post("/console/bounds/types/MAKE_TASK", {"sequence": "2", "remove": "on"}))
    assert "MAKE_TASK" not in now(world).action_types


FACT = {"url": "https://shop.example/o/{target.entity_id}", "keep": {"total": "number"}, "headers": {"X": "1"}}
WHOLE = {
    "type": "object",
    "required": ["currency", "amount"],
    "properties": {
        "amount": {"type": "number", "exclusiveMinimum": 0, "maximum": 500},
        "currency": {"type": "string", "enum": ["EUR", "USD"]},
        "to": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 80}}},
    },
}


@pytest.fixture
def with_all(world):
    """A type with a schema of which rows say a part, an amount, and a fact with a header."""
    own = {**REFUND, "parameters": WHOLE, "facts": {"order": FACT}}
    known = bounds(action_types={**bounds()["action_types"], OWN: own}, allowed_hosts=["shop.example"])
    world.remit.apply(known, by="ann")
    return world


def test_a_type_that_is_opened_and_sent_again_has_not_changed(visit, with_all):
    ann = visit()
    said = form_of(ann.get(f"/console/bounds/types/{OWN}").text)
    assert said["argument:0:path"] == "amount" and "exclusiveMinimum" in said["schema"]

    shown = ann.post(f"/console/bounds/types/{OWN}", said)

    assert "Nothing changes" in text_of(shown), text_of(shown)


def test_arguments_amounts_and_facts_are_rows_that_are_added_changed_and_taken_out(visit, with_all):
    ann, page = visit(), f"/console/bounds/types/{OWN}"
    said = form_of(ann.get(page).text)
    for kind in ("argument", "amount", "fact"):
        said = form_of(ann.post(page, {**said, "add": kind}).text)
    said = form_of(ann.post(page, {**said, "drop": "argument:2"}).text)
    assert said["argument:2:path"] == "to.city"
    new = {"path": "cause", "kind": "string", "choices": "lost\ndamaged", "required": "on"}
    said |= {f"argument:3:{field}": text for field, text in new.items()}
    said |= {"amount:1:name": "fee", "amount:1:value": "parameters.fee", "amount:1:unit": "EUR"}
    said |= {"fact:1:name": "customer", "fact:1:url": "https://shop.example/c", "fact:1:keep": "id"}
    said |= {"argument:0:path": "sum", "argument:0:maximum": "900.5", "closed": "on"}
    put_in_force(ann, ann.post(page, said))

    spec = now(with_all).action_types[OWN]
    assert spec.parameters == {
        "type": "object",
        "required": ["currency", "sum", "cause"],
        "additionalProperties": False,
        "properties": {
            "sum": {"type": "number", "exclusiveMinimum": 0, "maximum": 900.5},
            "currency": {"type": "string", "enum": ["EUR", "USD"]},
            "to": {"type": "object", "properties": {"city": {"type": "string"}}},
            "cause": {"type": "string", "enum": ["lost", "damaged"]},
        },
    }
    assert spec.amounts["fee"].unit == "EUR" and spec.facts["customer"].keep == {"id": "any"}
    assert spec.facts["order"].headers == {"X": "1"}


def test_the_box_of_a_fact_has_it_looked_up_again_and_is_kept_until_it_is_taken_away(visit, with_all):
    ann, page = visit(), f"/console/bounds/types/{OWN}"
    said = form_of(ann.get(page).text)
    assert "fact:0:recheck" not in said

    put_in_force(ann, ann.post(page, {**said, "fact:0:recheck": "on"}))
    assert now(with_all).action_types[OWN].facts["order"].recheck is True

    said = form_of(ann.get(page).text)
    assert said["fact:0:recheck"] == "on" and "Nothing changes" in text_of(ann.post(page, said))
    put_in_force(ann, ann.post(page, {field: text for field, text in said.items() if field != "fact:0:recheck"}))
    assert now(with_all).action_types[OWN].facts["order"].recheck is False


WRONG_TYPES = (
    ({"name": NOTE}, "name", "is registered already"),
    ({"name": "lower case"}, "name", "pattern"),
    ({"min_confidence": "85"}, "min_confidence", "0 to 1"),
    ({"expires_after": "soon"}, "expires_after", "soon"),
    ({"risk_tier": "SMALL"}, "risk_tier", "MINIMAL"),
    ({"approvals_required": "many"}, "approvals_required", "whole number"),
    ({"sample": "2 %"}, "sample", "0 to 1"),
    ({"sample": "0.00001"}, "sample", "4 decimal places"),
    ({"sample": "0.1", "disagreements": "some"}, "disagreements", "whole number"),
    ({"sample": "0.1", "disagreements": "3"}, "of_sampled", "is missing"),
    ({"more": "[1]"}, "more", "no JSON object"),
    ({"more": "{"}, "more", "no JSON"),
    ({"more": '{"timeout_s": 0}'}, "more", "greater than 0"),
    ({"connector": "carrier"}, "connector", "carrier"),
    ({"operation": "fly"}, "operation", "fly"),
    ({"argument:0:minimum": "1,5"}, "argument:0:minimum", "such as 12.50"),
    ({"schema": '{"properties": {"amount": {"pattern": 5}}}'}, "schema", "properties.amount.pattern"),
    ({"schema": '{"maxProperties": 9007199254740993}'}, "schema", "2^53"),
    ({"amount:0:unit": "five euros"}, "amount:0:unit", "such as EUR"),
    ({"amount:0:name": "Sum"}, "amount:0:name", "pattern"),
    ({"fact:0:keep": ""}, "fact:0:keep", "1 to 20 fields"),
    ({"fact:0:timeout_s": "60"}, "fact:0:timeout_s", "less than or equal to 10"),
)


def beside(answer, field):
    """The words beside the field, which says that it is wrong and where the words are."""
    (given,) = re.findall(rf'<(?:input|select|textarea)[^>]*name="{re.escape(field)}"[^>]*>', answer.text)
    assert 'aria-invalid="true"' in given, given
    (place,) = re.findall(r"w-[0-9a-f]+", given)
    assert f'href="#{re.search(r"id=.(f-[0-9a-f]+)", given)[1]}"' in answer.text
    return unescape(re.search(rf'id="{place}">([^<]*)<', answer.text)[1])


NEW_TYPE = {
    "sequence": "1",
    "name": "MAKE_TASK",
    "risk_tier": "LOW",
    "connector": "internal",
    "operation": "create_task",
    "title": "kept",
    "more": "{}",
    "schema": "",
    "argument:0:path": "amount",
    "argument:0:kind": "number",
    "amount:0:name": "sum",
    "amount:0:value": "parameters.amount",
    "amount:0:unit": "EUR",
    "fact:0:name": "order",
    "fact:0:url": "https://shop.example/o",
    "fact:0:keep": "total number",
}


def test_what_is_wrong_with_a_type_is_said_beside_its_field_and_nothing_typed_is_lost(visit):
    ann = visit()

    for wrong, field, told in WRONG_TYPES:
        answer = ann.post("/console/bounds/types/new", {**NEW_TYPE, **wrong})
        assert answer.status_code == 422, wrong
        assert told in beside(answer, field), wrong
        # A risk that there is not stands in no list.
        kept = {name: text for name, text in {**NEW_TYPE, **wrong}.items() if name != "risk_tier"}
        assert form_of(answer.text).items() >= kept.items()


def test_a_box_that_was_written_as_something_else_is_said_beside_the_box(visit):
    answer = visit().post("/console/bounds/types/new", {**NEW_TYPE, "fact:0:more": '{"recheck": "yes"}'})

    assert answer.status_code == 422 and "neither true nor false" in beside(answer, "fact:0:recheck")


def test_all_that_is_wrong_with_a_type_is_said_at_once(visit):
    wrong = {
        field: text
        for each, field, _ in WRONG_TYPES[3:]
        if field not in ("more", "schema", "of_sampled")
        for text in each.values()
    }

    answer = visit().post("/console/bounds/types/new", {**NEW_TYPE, **wrong, "connector": "internal", "more": "{"})

    for field in {*wrong, "more"} - {"connector", "operation"}:
        assert beside(answer, field)


def test_a_rule_by_form_is_cedar_that_holds_at_the_next_decision(visit, with_refunds):
    ann = visit()
    said = {"sequence": "2", "action_type": OWN, "kind": "amount", "path": "amount", "least": "0.01", "most": "50"}

    shown = ann.post("/console/bounds/rule/text", {**said, "unit": "EUR"})
    assert "getTag(&#34;currency&#34;) == &#34;EUR&#34;" in shown.text
    put_in_force(ann, ann.post("/console/bounds/rule", {**said, "unit": "EUR"}))
    for name, amount, currency in (
        ("fine", 50, "EUR"),
        ("much", 51, "EUR"),
        ("dollars", 5, "USD"),
        ("less", -1, "EUR"),
    ):
        with_refunds.submit(name, action_type=OWN, parameters={"amount": amount, "currency": currency})

    reasons = {name: with_refunds.remit.status(ACME, name)["reason"] for name in ("fine", "much", "dollars", "less")}
    assert reasons == {"fine": "WITHIN_BOUNDS", **dict.fromkeys(("much", "dollars", "less"), "REFUND_ORDER_AMOUNT")}


def test_a_second_rule_stands_beside_the_first_in_one_file(visit, with_refunds):
    ann = visit()
    hours = {"action_type": OWN, "kind": "hours", "day:MON": "on", "first": "8", "until": "18"}
    cause = {"action_type": OWN, "kind": "choice", "path": "cause", "values": "lost\ndamaged"}
    for sequence, said in (("2", hours), ("3", hours), ("4", cause)):
        put_in_force(ann, ann.post("/console/bounds/rule", {"sequence": sequence, **said}))

    (source,) = now(with_refunds).policies
    assert source.name == "rules.cedar"
    assert re.findall('@id\\("(.*)"\\)', source.text) == [
        "refund_order_hours",
        "refund_order_hours_2",
        "refund_order_choice",
    ]


def test_a_rule_or_limit_that_only_watches_refuses_nothing_and_editing_its_file_keeps_it_so(visit, with_refunds):
    ann = visit()
    never = {"action_type": OWN, "kind": "choice", "path": "cause", "values": "lost", "log_only": "on"}
    few = {"action_type": OWN, "kind": "limit", "most": "0", "log_only": "on"}
    counts = {key: value for key, value in never.items() if key != "log_only"}
    for sequence, said in (("2", never), ("3", few), ("4", counts)):
        put_in_force(ann, ann.post("/console/bounds/rule", {"sequence": sequence, **said}))
    with_refunds.submit("damaged", action_type=OWN, parameters={"cause": "damaged"})
    with_refunds.submit("lost", action_type=OWN, parameters={"cause": "lost"})
    (watching, counting), (limit,) = now(with_refunds).policies, now(with_refunds).limits
    edited = {"sequence": "5", "name": watching.name, "text": f"// looked at\n{watching.text}"}
    put_in_force(ann, ann.post("/console/policies", edited))

    assert (watching.name, watching.log_only, counting.name, counting.log_only) == (
        *("rules-watching.cedar", True),
        *("rules.cedar", False),
    )
    assert limit.log_only and with_refunds.remit.status(ACME, "lost")["reason"] == "WITHIN_BOUNDS"
    assert with_refunds.remit.status(ACME, "damaged")["reason"] == "REFUND_ORDER_CHOICE_2"
    assert now(with_refunds).policies[0].text.startswith("// looked at") and now(with_refunds).policies[0].log_only


def test_not_above_so_many_a_day_writes_a_limit(visit, with_refunds):
    ann = visit()
    counted = {"action_type": OWN, "kind": "limit", "most": "3", "per": "day", "of": "account"}
    summed = {**counted, "sum": "refund", "unit": "EUR", "most": "200.50", "name": "spent"}
    put_in_force(ann, ann.post("/console/bounds/rule", {"sequence": "2", **counted}))
    put_in_force(ann, ann.post("/console/bounds/rule", {"sequence": "3", **summed}))

    first, second = now(with_refunds).limits
    assert (first.name, first.most, first.per, first.of, first.action_types) == (
        "refund_order-day",
        3,
        "day",
        "account",
        [OWN],
    )
    assert (second.name, second.sum, second.unit, second.most) == ("spent", "refund", "EUR", "200.5")


AMOUNT = {"kind": "amount", "path": "amount", "least": "0.01", "most": "50"}

WRONG_RULES = (
    ({**AMOUNT, "unit": ""}, "write the unit that stands at currency"),
    ({**AMOUNT, "unit": "EUR", "least": ""}, "least: is missing"),
    ({**AMOUNT, "path": "cause", "unit": "EUR"}, "cause is string in the schema"),
    ({**AMOUNT, "path": "discount", "unit": "EUR"}, "say at which parameter it stands"),
    ({**AMOUNT, "path": ""}, "choose a parameter"),
    ({"kind": "choice", "path": "cause", "values": "stolen"}, "its schema allows lost, damaged"),
    ({"kind": "choice", "path": "amount", "values": "5"}, "amount is number in the schema"),
    ({"kind": "hours", "first": "9"}, "days"),
    ({"kind": "limit", "most": "many"}, "most"),
    ({"kind": "limit", "most": "5", "sum": "refund"}, "unit"),
    ({"kind": "limit", "most": "5", "per": "year"}, "per"),
    ({"kind": "other"}, "choose one of"),
)


def test_what_could_never_hold_or_is_missing_is_said_at_once(visit, with_refunds):
    ann = visit()

    for said, told in WRONG_RULES:
        answer = ann.post("/console/bounds/rule/text", {"sequence": "2", "action_type": OWN, **said})
        assert answer.status_code == 200 and told in text_of(answer), said


def test_ticking_a_type_whose_risk_asks_says_so_before_anything_is_sent(look, world):
    page = look().goes("/console/bounds")
    told = page.locator("#warnings")
    expect(told).not_to_contain_text("its risk still asks")

    page.get_by_label(f"{EMAIL} may run alone").check()
    expect(told).to_contain_text(f"{EMAIL} may run alone by the list, but its risk still asks")
    page.get_by_label(f"Mode of {NOTE}").select_option("APPROVAL_REQUIRED")
    expect(told).to_contain_text(f"{NOTE} may run alone by the list, but its mode still asks a person")
    page.get_by_label("All together a day at most").fill("ten")
    page.get_by_label("All together a day at most").blur()

    expect(told).to_contain_text("write a whole number")
    assert world.remit.bounds(ACME).config_sequence == 1


def test_a_type_is_written_by_keyboard_alone_and_what_is_wrong_is_where_the_focus_goes(look, world, axe):
    ann = look()
    page = ann.goes("/console/bounds/types/new")
    page.get_by_label("Name").fill("MAKE_TASK")
    page.get_by_role("button", name="Add an argument").press("Enter")
    expect(page.locator("[name='argument:0:path']")).to_be_focused()
    page.keyboard.type("amount")
    page.keyboard.press("Tab")
    page.keyboard.type("number")
    page.locator("[name='argument:0:minimum']").fill("lots")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Argument amount, from: is 'lots'")
    ann.forgets("422")
    found = page.evaluate(f"(() => {{ {axe} }})(); axe.run()")
    assert [each["id"] for each in found["violations"]] == []
    page.get_by_role("link", name="Argument amount, from").press("Enter")
    expect(page.locator("[name='argument:0:minimum']")).to_be_focused()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Put in force").press("Enter")

    expect(page.get_by_role("heading", name="Bounds", exact=True)).to_be_visible()
    assert now(world).action_types["MAKE_TASK"].parameters == {
        "type": "object",
        "properties": {"amount": {"type": "number", "minimum": 5}},
    }


def test_a_rule_is_written_while_one_chooses_and_put_in_force_by_hand(look, with_refunds):
    page = look().goes(f"/console/bounds/rule?action_type={OWN}")
    page.locator("summary", has_text="only on some days").click()
    form = page.locator("details[open]")

    form.get_by_label("from (hour)").fill("8")
    form.get_by_label("until (hour)").fill("18")
    form.get_by_label("until (hour)").blur()
    expect(page.locator("#written")).to_contain_text("context.hour < 18")
    form.get_by_role("button", name="Show what changes").click()
    page.get_by_role("button", name="Put in force").click()

    expect(page.get_by_role("link", name="Policies (1)")).to_be_visible()


def test_a_tenant_without_bounds_begins_with_a_template(visit, world):
    bob = visit(tenant="fresh", roles={"admin", "operator"})
    assert "Begin with a template" in bob.get("/console/bounds").text

    put_in_force(bob, bob.post("/console/bounds/template"))

    assert world.remit.bounds("fresh").bounds.allowlist == ["REFUND_ORDER"]


def test_accounts_that_agents_name_are_offered(visit, world):
    world.submit("i-1", account_id="shop-7")

    assert '<option value="shop-7">' in visit().get("/console/bounds").text


def test_who_may_only_read_sees_a_type_and_changes_nothing(visit):
    bob = visit(roles={"auditor"})

    assert "takes the role admin" in text_of(bob.get(f"/console/bounds/types/{NOTE}"))
    for path in (f"types/{NOTE}", "rule", "rule/text", "warnings", "template"):
        assert bob.post(f"/console/bounds/{path}", {"sequence": "1"}).status_code == 403
