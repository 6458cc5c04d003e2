"""The report at the console: a page to print, and files to take along, for who may verify."""

from __future__ import annotations

import csv
import io

import pytest

from tests.entrypoints.http_world import ACME, EMAIL

from .conftest import text_of

ALL = "/console/report?from=2020-01-01&to=2035-01-01"


@pytest.fixture
def auditor(world, visit):
    world.submit("alone")
    world.submit("asked", action_type=EMAIL, target={"entity_type": "x", "entity_id": "<b>\u202e"})
    world.remit.reject(ACME, "asked", by="bob", reason="<i>no</i>")
    world.work()
    return visit(roles={"auditor"})


def test_a_time_is_told_on_one_page_with_what_proves_it(auditor):
    answer = auditor.get(ALL)

    text = text_of(answer)
    assert "What ran alone: 1" in text and "Who answered how fast: 1 answers" in text
    assert "Every invariant holds" in text and "No export was sealed yet" in text
    assert "<i>no</i>" not in answer.text and "\u202e" not in answer.text and "U+202E" in answer.text


def test_without_a_time_this_month_is_offered(auditor):
    answer = auditor.get("/console/report")

    assert answer.status_code == 200 and 'type="date" name="from" value="' in answer.text


@pytest.mark.parametrize(("form", "kind"), [("csv", "text/csv"), ("json", "application/json"), ("html", "text/html")])
def test_it_is_taken_along_as_a_file(auditor, form, kind):
    answer = auditor.get(f"{ALL}&as={form}")

    assert answer.headers["content-type"].startswith(kind)
    assert f'filename="report-{ACME}-2020-01-01-2035-01-01.{form}"' in answer.headers["content-disposition"]
    if form == "csv":
        kinds = [line["kind"] for line in csv.DictReader(io.StringIO(answer.text))]
        assert kinds.count("action") == 1 and kinds.count("answer") == 1


@pytest.mark.parametrize("query", ["from=soon&to=2026-01-01", "from=2026-02-01&to=2026-01-01", "from=2026-02-01&to=x"])
def test_a_time_that_is_none_is_told_so(auditor, query):
    answer = auditor.get(f"/console/report?{query}")

    assert answer.status_code == 422 and "What ran alone" not in answer.text
