"""Templates: values keep their type and their place, and nothing an intent says can become a secret."""

import json
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import InvalidInput
from remit.core.execution.templates import (
    INTENT_FIELDS,
    check_template,
    check_url_template,
    environment_names,
    fields_of,
    render,
    render_parts,
    render_url,
    url_base,
)

from .make import intent, json_values

FIELDS = {
    "target": {"entity_type": "contact", "entity_id": "c-1"},
    "parameters": {"text": "hello", "n": 3, "rate": 1.0, "yes": True, "none": None, "items": [{"sku": "a"}, {}]},
}


def test_a_text_that_is_one_placeholder_becomes_the_value_with_its_type():
    template = {"all": "{parameters}", "n": "{parameters.n}", "none": "{parameters.none}", "yes": ["{parameters.yes}"]}

    rendered = render(template, FIELDS)

    assert rendered == {"all": FIELDS["parameters"], "n": 3, "none": None, "yes": [True]}


def test_placeholders_inside_a_text_become_text():
    rendered = render(
        "{target.entity_id}: {parameters.text}, {parameters.n} at {parameters.rate}, {parameters.yes}", FIELDS
    )

    assert rendered == "c-1: hello, 3 at 1, true"


def test_a_path_reaches_into_objects_and_lists():
    assert render("{parameters.items.0.sku}", FIELDS) == "a"


def test_doubled_braces_are_braces():
    assert render("{{parameters}} {{{parameters.n}}}", FIELDS) == "{parameters} {3}"


def test_what_is_not_text_passes_through():
    assert render([1, 2.5, None, True, {"a": []}], FIELDS) == [1, 2.5, None, True, {"a": []}]


@pytest.mark.parametrize("path", ["parameters", "parameters.items", "parameters.none", "target"])
def test_what_is_no_plain_value_is_refused_inside_a_text(path):
    with pytest.raises(InvalidInput) as caught:
        render(f"see {{{path}}}", FIELDS)

    assert caught.value.field == path


def test_an_unknown_path_is_named_with_what_exists():
    with pytest.raises(InvalidInput) as caught:
        render("{parameters.txt}", FIELDS)

    assert caught.value.field == "parameters.txt"
    assert "'txt'" in caught.value.problem
    assert caught.value.way_out == "there is: text, n, rate, yes, none, items"


@pytest.mark.parametrize(
    "path", ["parameters.items.2", "parameters.items.-1", "parameters.items.x", "parameters.text.0"]
)
def test_a_path_into_what_has_no_such_place_is_refused(path):
    with pytest.raises(InvalidInput):
        render(f"{{{path}}}", FIELDS)


@pytest.mark.parametrize("template", ["{", "}", "a { b", "{}", "{parameters.n}}", "{{parameters.n}"])
def test_a_brace_without_its_other_half_is_refused(template):
    with pytest.raises(InvalidInput):
        render(template, FIELDS)


def test_the_fields_of_an_intent_are_the_ones_templates_may_name():
    fields = fields_of(intent())

    assert set(fields) == set(INTENT_FIELDS)
    assert fields["target"] == {"entity_type": "contact", "entity_id": "c-1"}
    assert fields["expires_at"] == "2026-03-17T12:00:00Z"
    json.dumps(fields)


# --- environment references ---------------------------------------------------------------------------------------


def test_a_reference_to_the_environment_stays_a_reference():
    assert render("Bearer ${CRM_TOKEN}", FIELDS) == "Bearer ${CRM_TOKEN}"
    assert render_parts("Bearer ${CRM_TOKEN}!", FIELDS) == ["Bearer ", {"env": "CRM_TOKEN"}, "!"]


def test_a_dollar_before_a_placeholder_is_a_dollar():
    assert render("costs ${parameters.n}", FIELDS) == "costs $3"


def test_a_value_that_reads_like_a_reference_stays_text():
    fields = {"parameters": {"a": "${CRM_TOKEN}", "b": {"env": "CRM_TOKEN"}}}

    parts = render_parts("{parameters.a} ${OTHER}", fields)

    assert parts == ["${CRM_TOKEN}", " ", {"env": "OTHER"}]
    with pytest.raises(InvalidInput):
        render_parts("{parameters.b}", fields)


@given(before=st.text(), after=st.text())
def test_no_value_makes_or_joins_to_a_reference(before, after):
    fields = {"parameters": {"before": before, "after": after}}

    parts = render_parts("{parameters.before}${SECRET}{parameters.after}", fields)

    assert [part for part in parts if isinstance(part, dict)] == [{"env": "SECRET"}]
    assert "".join(part for part in parts if isinstance(part, str)) == before + after


def test_split_braces_do_not_join_to_a_reference():
    fields = {"parameters": {"name": "SECRET", "open": "${", "close": "}"}}

    parts = render_parts("${{{parameters.name}}} {parameters.open}SECRET{parameters.close}", fields)

    assert all(isinstance(part, str) for part in parts)


def test_the_names_a_template_refers_to_are_known():
    assert environment_names({"a": ["${ONE} ${TWO}"], "b": "{parameters} {{${THREE}}}"}) == {"ONE", "TWO", "THREE"}


# --- URLs ---------------------------------------------------------------------------------------------------------


def url(entity_id, template="https://crm.example.com:8443/contacts/{target.entity_id}/notes?q={target.entity_id}"):
    return render_url(template, {"target": {"entity_type": "contact", "entity_id": entity_id}})


def test_a_value_is_encoded_in_its_place():
    assert url("a/b?c#d&e=f g%2F") == (
        "https://crm.example.com:8443/contacts/a%2Fb%3Fc%23d%26e%3Df%20g%252F/notes?q=a%2Fb%3Fc%23d%26e%3Df%20g%252F"
    )


@given(st.text())
def test_no_value_leaves_its_place(value):
    try:
        made = urlsplit(url(value))
    except InvalidInput:
        return

    assert made.netloc == "crm.example.com:8443"
    assert made.fragment == ""
    assert [unquote(segment) for segment in made.path.split("/")] == ["", "contacts", value, "notes"]
    assert unquote(made.query) == f"q={value}"


@pytest.mark.parametrize("value", [".", "..", "../admin", "a/../../b", "..\\admin", "", "/", "//", "\\"])
def test_a_value_that_would_make_another_path_is_refused(value):
    with pytest.raises(InvalidInput):
        url(value)


def test_dots_that_only_two_values_make_together_are_refused():
    with pytest.raises(InvalidInput):
        url(".", "https://crm.example.com/{target.entity_id}{target.entity_id}/x")


def test_a_list_is_its_canonical_json_in_a_query_and_nothing_in_a_path():
    fields = {"parameters": {"flights": [{"to": "SEA", "on": "20&5"}]}}

    rendered = render_url("https://air.example.com/quote?flights={parameters.flights}&x=1", fields)

    assert parse_qs(urlsplit(rendered).query) == {"flights": ['[{"on":"20&5","to":"SEA"}]'], "x": ["1"]}
    with pytest.raises(InvalidInput, match=r"parameters\.flights"):
        render_url("https://air.example.com/{parameters.flights}", fields)


def test_a_list_too_long_for_a_query_is_refused():
    with pytest.raises(InvalidInput, match="the most is 4096"):
        render_url("https://air.example.com/?all={parameters.all}", {"parameters": {"all": ["x" * 5000]}})


def test_the_length_of_a_list_is_a_value_and_a_name_count_stays_one():
    fields = {"parameters": {"people": [1, 2], "order": {"count": 7}}}

    assert render("{parameters.people.count} of {parameters.order.count}", fields) == "2 of 7"


def test_dots_and_nothing_are_fine_in_a_query():
    assert url("..", "https://crm.example.com/?q={target.entity_id}") == "https://crm.example.com/?q=.."
    assert url("", "https://crm.example.com?q={target.entity_id}") == "https://crm.example.com?q="


@pytest.mark.parametrize(
    "template",
    [
        "{parameters.url}",
        "https://{parameters.host}/x",
        "https://crm.example.com:{parameters.port}/x",
        "https://crm.example.com{parameters.rest}",
        "https://crm.example.com{{/x",
        "{parameters.scheme}://crm.example.com/x",
        "https://{parameters.user}@crm.example.com/",
        "https://user:pass@crm.example.com/",
        "https://${HOST}/x",
        "${CRM_URL}{parameters.rest}",
        "${CRM_URL}.example.com/x",
        "{parameters.url}${CRM_URL}/x",
        "https://crm.example.com\\@evil.example.com/",
        "ftp://crm.example.com/x",
        "/contacts",
        "https:///x",
        "https://crm.example.com/x#part",
        "https://crm.example.com/{",
    ],
)
def test_only_path_and_query_of_a_url_may_vary(template):
    with pytest.raises(InvalidInput) as caught:
        check_url_template(template, "url")

    assert caught.value.field == "url"
    with pytest.raises(InvalidInput):
        render_url(template, {"parameters": {"url": "https://evil.example.com", "host": "evil.example.com"}})


def test_a_url_may_begin_with_a_reference_that_says_where_the_far_side_is():
    template = "${CRM_URL}/contacts/{target.entity_id}"

    assert url("${CRM_URL}", template) == "${CRM_URL}/contacts/%24%7BCRM_URL%7D"
    assert url_base(template) == "CRM_URL"
    assert url_base("https://crm.example.com/${CRM_URL}") is None


# --- what can be said without an intent ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["parameters.anything.at.0.all", "target", "target.entity_id", "risk_level"])
def test_a_template_over_known_fields_is_accepted(path):
    check_template({"a": [f"x {{{path}}}"]}, "body")


@pytest.mark.parametrize("path", ["parametres", "target.id", "tenant_id.x", "digest", "parameters .x"])
def test_a_template_over_fields_that_no_intent_has_is_refused(path):
    with pytest.raises(InvalidInput) as caught:
        check_template({"a": [f"x {{{path}}}"]}, "body")

    assert caught.value.field == "body"


@given(json_values())
def test_whatever_the_parameters_are_the_whole_of_them_can_be_sent(value):
    assert render("{parameters}", {"parameters": value}) == value


def test_a_template_names_every_parameter_by_its_path():
    fields = {"parameters": {"account.iban": "DE1", "": "empty", "a{b": "brace", "to": ["x"], "count": 5}}
    paths = ['["account.iban"]', '[""]', r'["a\u007bb"]', ".to.0", "['to'][0]", ".count"]

    shown = [render(f"{{parameters{path}}}", fields) for path in paths]

    assert shown == ["DE1", "empty", "brace", "x", "x", 5]
    check_template([f"{{parameters{path}}}" for path in paths], "tool.body")


def test_a_path_that_could_mean_a_name_with_a_dot_sends_neither():
    with pytest.raises(InvalidInput, match=r'write \["account.iban"\]'):
        render("{parameters.account.iban}", {"parameters": {"account.iban": "DE1", "account": {"iban": "DE2"}}})


@pytest.mark.parametrize("template", ["{parameters.}", "{parameters..a}", "{parameters[a]}", "{target.entity_id.x}"])
def test_a_path_that_is_none_is_refused_when_the_tool_is_set(template):
    with pytest.raises(InvalidInput, match=r"tool\.body"):
        check_template(template, "tool.body")
