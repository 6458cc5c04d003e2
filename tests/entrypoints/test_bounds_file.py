"""A bounds file is read without surprises, and what it changes is told field by field."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime

import pytest

from remit.core.errors import InvalidInput
from remit.core.gate.bounds import nothing_set, replace_bounds
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.bounds_diff import changes, describe_changes
from remit.entrypoints.bounds_file import BoundsFile, InvalidFile, as_yaml, read_bounds

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
NOTE = "{risk_tier: LOW, tool: {connector: internal, operation: create_note}}"


def write(folder, text):
    path = folder / "bounds.yaml"
    path.write_text(text)
    return path


def refused(folder, text):
    with pytest.raises(InvalidFile) as caught:
        read_bounds(write(folder, text))
    return caught.value


def in_force(text, folder, before=None):
    bounds = read_bounds(write(folder, text))
    return replace_bounds(before or nothing_set(bounds.tenant), bounds, NOW)


def test_a_file_reads_as_the_bounds_that_the_app_applies(tmp_path):
    (tmp_path / "policies").mkdir()
    text = 'forbid (principal, action, resource) when { context.weekday == "SUN" };'
    (tmp_path / "policies" / "sunday.cedar").write_text(text)

    bounds = read_bounds(
        write(
            tmp_path,
            f"""
tenant: acme
action_types: &types
  CREATE_NOTE: {NOTE}
modes: {{default: AUTO_EXECUTE}}
budget: {{max_autonomous_per_day: 20, timezone: Europe/Berlin}}
policies: [policies/sunday.cedar]
accounts:
  a-1: &small {{budget: {{max_autonomous_per_day: 3}}}}
  a-2: {{<<: *small, allowlist: []}}
""",
        )
    )

    assert bounds == parse_bounds(
        {
            "tenant": "acme",
            "action_types": {
                "CREATE_NOTE": {"risk_tier": "LOW", "tool": {"connector": "internal", "operation": "create_note"}}
            },
            "modes": {"default": "AUTO_EXECUTE"},
            "budget": {"max_autonomous_per_day": 20, "timezone": "Europe/Berlin"},
            "policies": [{"name": "policies/sunday.cedar", "text": text}],
            "accounts": {
                "a-1": {"budget": {"max_autonomous_per_day": 3}},
                "a-2": {"budget": {"max_autonomous_per_day": 3}, "allowlist": []},
            },
        }
    )


@pytest.mark.parametrize(
    ("text", "line", "field", "problem"),
    [
        ("tenant: acme\nbudget: {}\nbudget: {}\n", 3, "budget", "stands twice"),
        ("tenant: acme\nbudget:\n  timezone: UTC\n  timezone: UTC\n", 4, "budget.timezone", "stands twice"),
        ("tenant: acme\nbudget: {timezone: Nowhere}\n", 2, "budget.timezone", "'Nowhere' is not a time zone"),
        ("tenant: acme\n\nbugdet: {}\n", 3, "bugdet", "unknown field"),
        ("tenant: 2026-01-01\n", 1, "tenant", "'2026-01-01' is read as a date"),
        ("tenant: acme\naccounts:\n  2026-01-01: {}\n", 3, "accounts.2026-01-01", "is read as a timestamp"),
        ("tenant: acme\naccounts: {12: {}}\n", 2, "accounts.12", "is read as a int, not a name"),
        ("tenant: acme\nmodes: {on: DISABLED}\n", 2, "modes.on", "is read as a bool, not a name"),
        ("tenant: acme\nbudget: {max_autonomous_per_day: 1:30}\n", 2, "budget.max_autonomous_per_day", "another base"),
        ("tenant: acme\nbudget: {max_autonomous_per_day: 010}\n", 2, "budget.max_autonomous_per_day", "another base"),
        ("tenant: acme\nbudget: {max_autonomous_per_day: .inf}\n", 2, "budget.max_autonomous_per_day", "another kind"),
        ("tenant: !!binary aGk=\n", 1, "tenant", "is read as binary"),
        ("tenant: !!python/name:os.system\n", 1, "tenant", "is read as"),
        ("tenant: acme\nallowlist: &a [*a]\n", 2, "allowlist.0", "refers to itself"),
        ("tenant: acme\nallowlist: [\n", 3, "(yaml)", "expected"),
        ("tenant: acme\n---\ntenant: other\n", 2, "(yaml)", "another document"),
        ("tenant: ac\x00me\n", None, "(yaml)", "not allowed"),
        ("", None, "(bounds)", "are not a mapping"),
        ("allowlist: []\n", None, "tenant", "is missing"),
        ("tenant: acme\npolicies: [missing.cedar]\n", 2, "policies.0", "No such file"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_field(tmp_path, text, line, field, problem):
    error = refused(tmp_path, text)

    assert (error.file, error.line, error.field) == ("bounds.yaml", line, field)
    assert problem in error.problem
    place = ":".join(str(each) for each in ("bounds.yaml", line, error.column) if each is not None)
    assert str(error).startswith(f"{place}: {field}: ")


def test_aliases_that_multiply_are_refused(tmp_path):
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)]

    error = refused(tmp_path, "\n".join(["tenant: acme", "l0: &l0 [x]", *levels]))

    assert "too many values" in error.problem


def test_a_policy_that_is_not_text_or_beyond_the_limits_is_refused(tmp_path):
    (tmp_path / "deep.cedar").write_text(f"// deep\nforbid {'(' * 100}")
    (tmp_path / "binary.cedar").write_bytes(b"\xff\xfe")

    too_deep = refused(tmp_path, "tenant: acme\npolicies: [deep.cedar]\n")
    not_text = refused(tmp_path, "tenant: acme\npolicies:\n  - binary.cedar\n")

    assert (too_deep.line, too_deep.field) == (2, "policies")
    assert "deep.cedar, line 2: brackets stand more than 32 deep" in too_deep.problem
    assert (not_text.line, not_text.field) == (3, "policies.0")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"nowhere\.yaml cannot be read: No such file"):
        read_bounds(tmp_path / "nowhere.yaml")


def test_what_the_app_finds_wrong_is_located_in_the_file(tmp_path):
    file = BoundsFile.read(write(tmp_path, f"tenant: acme\naction_types:\n  NOTE:\n    {NOTE}\n"))

    about_the_file = file.located(InvalidInput("action_types.NOTE.tool.operation", "is unknown", "use another"))
    about_something_else = file.located(InvalidInput("by", "is empty"))

    assert str(about_the_file) == "bounds.yaml:4:50: action_types.NOTE.tool.operation: is unknown; use another"
    assert str(about_something_else) == "by: is empty"


def test_everything_that_is_wrong_is_told_in_its_order_in_the_file(tmp_path):
    (tmp_path / "sound.cedar").write_text("forbid (principal, action, resource);")
    text = (
        "tenant: acme\npolicies: [sound.cedar, missing.cedar]\naction_types:\n"
        "  A: {risk_tier: HIHG, tool: {connector: x}}\n"
        "  B: {risk_tier: LOW, tool: {connector: x}}\nmodes: {default: AUTO}\nbudget: {timezone: Nowhere}\nbugdet: {}\n"
    )

    error = refused(tmp_path, text)

    places = [(each.line, each.column, each.field) for each in error.all]
    assert places == [
        (2, None, "policies.1"),
        (4, 7, "action_types.A.risk_tier"),
        (6, 9, "modes.default"),
        (7, 10, "budget.timezone"),
        (8, 1, "bugdet"),
    ]
    assert [*error.rest.action_types] == ["B"]
    assert [each.name for each in error.rest.policies] == ["sound.cedar"]


def test_first_bounds_are_told_as_added(tmp_path):
    after = in_force("tenant: acme\nmodes: {default: DISABLED}\nallowlist: []\naccounts: {a-1: {}}\n", tmp_path)

    assert describe_changes(nothing_set("acme"), after) == [
        "+ allowlist: []",
        "+ modes.default: DISABLED",
        "+ accounts.a-1: {}",
    ]


def test_every_difference_is_told_once_and_nothing_else(tmp_path):
    (tmp_path / "p.cedar").write_text('@id("a")\nforbid (principal, action, resource)\nwhen { context.hour > 20 };\n')
    before = in_force(
        "tenant: acme\nallowlist: [A, B]\nmodes: {default: AUTO_EXECUTE, A: DISABLED}\n"
        "budget: {max_autonomous_per_day: 5}\npolicies: [p.cedar]\naccounts: {a-1: {allowlist: [A]}, a-2: {}}\n",
        tmp_path,
    )
    (tmp_path / "p.cedar").write_text('@id("a")\nforbid (principal, action, resource)\nwhen { context.hour > 22 };\n')
    after = in_force(
        "tenant: acme\nallowlist: [A, C]\nmodes: {default: AUTO_EXECUTE}\n"
        "budget: {max_autonomous_per_day: 7, max_per_action_type: {A: 0}}\npolicies: [p.cedar]\n"
        "accounts: {a-1: {allowlist: []}}\n",
        tmp_path,
        before,
    )

    assert describe_changes(before, after) == [
        "- allowlist: B",
        "+ allowlist: C",
        "- modes.A: DISABLED",
        "~ budget.max_autonomous_per_day: 5 -> 7",
        "+ budget.max_per_action_type.A: 0",
        "~ policies.p.cedar:",
        "    @@ -2,2 +2,2 @@",
        "     forbid (principal, action, resource)",
        "    -when { context.hour > 20 };",
        "    +when { context.hour > 22 };",
        '~ accounts.a-1.allowlist: ["A"] -> []',
        "- accounts.a-2: {}",
    ]
    assert describe_changes(after, after) == []


def test_an_order_and_a_zone_that_change_are_told(tmp_path):
    before = in_force("tenant: acme\nallowlist: [A, B]\nbudget: {timezone: UTC}\n", tmp_path)
    after = in_force("tenant: acme\nallowlist: [B, A]\nbudget: {timezone: Asia/Tokyo}\n", tmp_path, before)

    assert describe_changes(before, after) == [
        '~ allowlist: ["A", "B"] -> ["B", "A"]',
        "~ budget.timezone: UTC -> Asia/Tokyo",
        "! the day of the other accounts stays that of UTC until 2026-03-11T00:00:00Z",
    ]


def test_changes_are_values_too(tmp_path):
    before = in_force("tenant: acme\nbudget: {max_autonomous_per_day: 5}\n", tmp_path)
    after = in_force("tenant: acme\nbudget: {max_autonomous_per_day: 0}\n", tmp_path, before)

    assert [change.wire() for change in changes(before, after)] == [
        {"path": "budget.max_autonomous_per_day", "kind": "changed", "before": 5, "after": 0}
    ]


@pytest.mark.parametrize(
    "line",
    [
        "accounts: {a: {allowlist: }}",
        "accounts: {a: {budget: {max_autonomous_per_day: }}}",
        "tenant_budget:",
        "allowlist:",
    ],
)
def test_a_key_without_a_value_is_refused_and_never_taken_for_left_out(tmp_path, line):
    file = tmp_path / "bounds.yaml"
    file.write_text(f"tenant: acme\n{line}\n")

    with pytest.raises(InvalidInput, match="has no value"):
        read_bounds(file)


def test_lines_are_found_behind_aliases_merges_and_dots_in_names(tmp_path):
    text = (
        "tenant: acme\n"
        "accounts:\n"
        "  a.b: &own\n"
        "    budget: {max_autonomous_per_day: -1}\n"
        "  c:\n"
        "    <<: *own\n"
        "    modes: {}\n"
    )

    lines = BoundsFile.of_text("bounds.yaml", text.replace("-1", "1")).lines

    assert refused(tmp_path, text).line == 4
    assert lines.of("accounts.a.b.budget.max_autonomous_per_day") == 4
    assert lines.of("accounts.c.budget.nothing.there") == 4
    assert lines.of("accounts.c.modes") == 7
    assert lines.of("accounts.nobody") == 2
    assert lines.of("nowhere") is None


def test_long_names_above_many_values_take_little_memory():
    long, aliases = "k" * 1000, ", ".join(["*few"] * 400)
    text = f"tenant: acme\naction_types: &few {{x: [{', '.join('a' * 400)}]}}\nsurprise: {{{long}: [{aliases}]}}\n"
    tracemalloc.start()

    with pytest.raises(InvalidFile) as caught:
        BoundsFile.of_text("bounds.yaml", text)

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "unknown field" in [each.problem for each in caught.value.all]
    assert most < 60 * 2**20


SCHEMA = """
tenant: acme
action_types:
  CREATE_NOTE:
    risk_tier: LOW
    min_confidence: none
    tool: {connector: internal, operation: create_note}
    parameters:
      type: object
      properties:
        accounts: {}
        text: {type: [string, "null"], default: null, enum: [null, a]}
"""


def test_a_schema_is_read_as_it_stands_and_written_again(tmp_path):
    bounds = read_bounds(write(tmp_path, SCHEMA))
    spec = bounds.action_types["CREATE_NOTE"]

    assert spec.parameters == {
        "type": "object",
        "properties": {"accounts": {}, "text": {"type": ["string", "null"], "default": None, "enum": [None, "a"]}},
    }
    assert spec.min_confidence == "none"
    assert BoundsFile.of_text("bounds.yaml", as_yaml(bounds)).bounds == bounds


def test_a_schema_that_cannot_be_used_is_named_with_its_line(tmp_path):
    error = refused(tmp_path, SCHEMA.replace("accounts: {}", "accounts: {type: sometimes}"))

    assert (error.line, error.field) == (11, "action_types.CREATE_NOTE.parameters.properties.accounts.type")


def test_a_change_within_a_schema_is_told_by_its_path_also_where_nothing_is_in_it(tmp_path):
    before = in_force(SCHEMA, tmp_path)
    after = in_force(SCHEMA.replace("accounts: {}", "modes: {}"), tmp_path, before)

    assert describe_changes(before, after) == [
        "- action_types.CREATE_NOTE.parameters.properties.accounts: {}",
        "+ action_types.CREATE_NOTE.parameters.properties.modes: {}",
    ]


def test_what_is_kept_of_results_is_a_mode_or_settings_and_reads_back(tmp_path):
    types = f"""
  A: {NOTE[:-1]}, result: none}}
  B: {NOTE[:-1]}, result: {{keep: 30d, drop_paths: [customer.email], people: true}}}}
"""
    bounds = read_bounds(write(tmp_path, f"tenant: acme\naction_types:{types}"))

    said = {name: spec.results for name, spec in bounds.action_types.items()}
    assert (said["A"].mode, said["B"].keep, said["B"].drop_paths) == ("none", "30d", ["customer.email"])
    assert BoundsFile.of_text("bounds.yaml", as_yaml(bounds)).bounds == bounds


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ("some", "result.mode"),
        ("{keep: 2y}", "result.keep"),
        ("{drop_paths: [a..b]}", "result.drop_paths.0"),
        ("{kept: 7d}", "result.kept"),
    ],
)
def test_what_is_wrong_with_it_is_named_with_its_line(tmp_path, said, field):
    error = refused(tmp_path, f"tenant: acme\naction_types:\n  A: {NOTE[:-1]}, result: {said}}}")

    assert (error.field, error.line) == (f"action_types.A.{field}", 3)
