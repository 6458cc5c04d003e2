"""
Every marked block of the documents is run, and every list in them is complete.

`<!-- run -->` before a block of sh or python runs it, the blocks of one page in order in one folder and, for python,
in one namespace; `<!-- run: exit 4 -->` says with which code a block of sh ends. `<!-- bounds -->` is a bounds file.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from remit.connectors.arguments import ArgumentsTool
from remit.connectors.http.tool import HttpTool
from remit.connectors.internal import InternalTool
from remit.core.gate import decision, policy
from remit.core.gate.action_type import ActionTypeSpec, Tool
from remit.core.gate.bounds import AccountBounds, Bounds
from remit.core.gate.budget import Budget
from remit.core.gate.limit import LimitSpec
from remit.core.gate.policy import PLATFORM_POLICIES, SCHEMA
from remit.core.identity.access import ROLES
from remit.core.ledger.entries import ENTRY_FIELDS, EventType
from remit.core.ledger.verification import INVARIANTS
from remit.core.lifecycle import FOLLOWS
from remit.core.notifications.notice_kind import NoticeKind
from remit.core.notifications.subscription import NewSubscription
from remit.entrypoints.bounds_file import read_bounds
from remit.entrypoints.cli import app
from tests.commands import shell_line

from .beside import BESIDE, Beside

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
}


@dataclass(frozen=True)
class Block:
    """One fenced block and what the comment before it says."""

    page: str
    line: int
    mark: str
    language: str
    text: str

    @property
    def exit_code(self):
        return int(self.mark.partition("exit ")[2] or 0)


_FENCE = re.compile(r"^(?:<!-- (?P<mark>.*?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    text = PAGES[page]
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found["mark"] or "", found["language"], found["text"])
        for found in _FENCE.finditer(text)
    ]


def runnable(page):
    return [block for block in blocks(page) if block.mark.startswith("run")]


# Those that wait for others first, and the longest: two at a time, the others fit beside it.
RUN = sorted(filter(runnable, PAGES), key=lambda page: (page not in BESIDE, -len(runnable(page))))

PLAYER = """
import json, subprocess, sys, traceback
namespace = {"__name__": "__main__"}
for block in json.load(sys.stdin):
    if block["language"] == "python":
        try:
            exec(compile(block["text"], f"{block['page']}:{block['line']}", "exec"), namespace)
        except Exception:
            sys.exit(f"{block['page']}:{block['line']} raised:\\n{traceback.format_exc()}")
    else:
        words = ["sh", "-eu", "-c", block["text"]]
        done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != block["exit_code"]:
            ended = f"{block['page']}:{block['line']} ended with {done.returncode}, not {block['exit_code']}"
            sys.exit(f"{ended}:\\n{done.stdout}{done.stderr}")
"""


def play(page, folder, environment, beside=None):
    """What went wrong in the blocks of one page; nothing if nothing did."""
    beside = beside or Beside()
    shown = [
        asdict(block) | {"exit_code": block.exit_code, "text": beside.read(block.text)} for block in runnable(page)
    ]
    command = [sys.executable, "-c", PLAYER]
    own = beside.around(environment)
    with subprocess.Popen(
        command,
        cwd=folder,
        env=own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as player:
        try:
            _, said = player.communicate(json.dumps(shown), timeout=300)
        finally:
            # What a page starts and leaves running ends with it.
            with suppress(ProcessLookupError):
                os.killpg(player.pid, signal.SIGKILL)
    return said if player.returncode else ""


@pytest.fixture(scope="module")
def played(request, tmp_path_factory):
    """What went wrong on a page. Pages are played two at a time, unless several processes run the tests anyway."""
    bin = tmp_path_factory.mktemp("bin")
    for name, line in (("remit", shell_line()), ("python3", f'exec "{sys.executable}" "$@"')):
        script = bin / name
        script.write_text(f"#!/bin/sh\n{line}\n")
        script.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REMIT_") and name != "MEASURE"}
    path = f"{bin}{os.pathsep}{kept['PATH']}"
    environment = {**kept, "PATH": path, "PYTHONPATH": str(ROOT / "src"), "PYTHONUTF8": "1", "TZ": "UTC"}
    environment["NO_PROXY"] = environment["no_proxy"] = "127.0.0.1"
    with ThreadPoolExecutor(2) as pool:

        def started(page):
            return pool.submit(play, page, tmp_path_factory.mktemp("page"), environment)

        def played_by_itself(page, request):
            with BESIDE[page](request) as beside:
                return play(page, tmp_path_factory.mktemp("page"), environment, beside)

        asked_for = [item.callspec.params["page"] for item in request.session.items if "played" in item.fixturenames]
        together = [] if "PYTEST_XDIST_WORKER" in os.environ else [page for page in asked_for if page not in BESIDE]
        ahead = {page: started(page) for page in together}
        yield (
            lambda page, request: (
                played_by_itself(page, request) if page in BESIDE else (ahead.get(page) or started(page)).result()
            )
        )


@pytest.mark.parametrize("page", RUN)
def test_what_a_page_shows_is_what_happens(page, played, request):
    assert played(page, request) == ""


@pytest.mark.parametrize("page", BESIDE)
def test_a_page_that_speaks_to_others_names_all_that_stands_for_them(page, request):
    with BESIDE[page](request) as beside:
        text = "\n".join(block.text for block in runnable(page))

        assert [shown for shown in beside.stands_for if shown not in text] == []


def test_the_pages_that_show_something_are_run():
    named = ["command-line", "ledger", "operations", "policies", "python-api", "notifications"]
    named += ["known-limits", "limits-and-amounts"]

    assert set(RUN) >= {"README.md", *(f"docs/{name}.md" for name in named)}


@pytest.mark.parametrize("page", [page for page in PAGES if any(block.mark == "bounds" for block in blocks(page))])
def test_a_bounds_file_that_is_shown_can_be_read(page, tmp_path):
    for number, block in enumerate(block for block in blocks(page) if block.mark == "bounds"):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block.text, encoding="utf-8")

        assert read_bounds(file).tenant


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = _FENCE.sub("", PAGES[page])
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not target.startswith("https://")]

    assert [target for target in targets if not leads_somewhere(page, target)] == []


def leads_somewhere(page, target):
    name, _, anchor = target.partition("#")
    there = (ROOT / page).parent / name if name else ROOT / page
    if not there.exists():
        return False
    return not anchor or anchor in anchors(there.read_text(encoding="utf-8"))


def anchors(text):
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def commands(group, above=""):
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if hasattr(command, "commands"):
            yield from commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


COMMANDS = dict(commands(typer.main.get_command(app)))
EVERYWHERE = {"--db", "--json", "--help", "-h", "--tenant", "--by", "--version"}


def section(page, heading):
    found = re.search(rf"^(#+) {re.escape(heading)}$(.*?)(?=^#+ |\Z)", PAGES[page], re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no section {heading!r}"
    return found[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_described(name):
    described = section("docs/command-line.md", name)
    shown = [param for param in COMMANDS[name].params if not getattr(param, "hidden", False)]
    options = {option for param in shown for option in param.opts if option.startswith("-")}

    assert {option for option in options - EVERYWHERE if f"`{option}" not in described} == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_shown(name):
    shown = "\n".join(block.text for block in runnable("docs/command-line.md"))

    # These run until they are told to end, need servers of others, or have a test of their own.
    assert f"remit {name}" in shown or name in ("serve", "demo", "gateway", "mcp discover")


def test_the_options_that_are_everywhere_are_described():
    assert [option for option in sorted(EVERYWHERE) if f"`{option}" not in PAGES["docs/command-line.md"]] == []


def test_no_command_is_described_that_is_not_there():
    described = set(re.findall(r"^### (.+)$", PAGES["docs/command-line.md"], re.MULTILINE))

    assert described == set(COMMANDS)


FIELDS: dict[str, Any] = {
    "The tenant: `Bounds`": Bounds,
    "An account: `AccountBounds`": AccountBounds,
    "A budget: `Budget`": Budget,
    "A limit: `LimitSpec`": LimitSpec,
    "An action type: `ActionTypeSpec`": ActionTypeSpec,
    "A tool: `Tool`": Tool,
    "`connector: internal` (`InternalTool`)": InternalTool,
    "`connector: caller` (`ArgumentsTool`)": ArgumentsTool,
    "`connector: function` (`ArgumentsTool`)": ArgumentsTool,
    "`connector: http` (`HttpTool`)": HttpTool,
}


@pytest.mark.parametrize("heading", FIELDS)
def test_every_field_is_described_and_no_other(heading):
    model = FIELDS[heading]
    inherited = set(Tool.model_fields) if model is not Tool and issubclass(model, Tool) else set()
    table = section("docs/configuration.md", heading).split("\n\nTemplates")[0]

    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(model.model_fields) - inherited


@pytest.mark.parametrize("heading", FIELDS)
def test_plain_defaults_are_as_described(heading):
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section("docs/configuration.md", heading), re.MULTILINE))
    fields = {name: field for name, field in FIELDS[heading].model_fields.items() if name in rows}

    for name, field in fields.items():
        assert (rows[name] == "required") == field.is_required(), name
        if isinstance(field.default, bool | int | float | str):
            assert rows[name] == f"`{json.dumps(field.default).strip(chr(34))}`", name


def test_every_reason_is_described():
    own = {value for name, value in vars(decision).items() if name.isupper() and value == name}
    own |= {policy.WITHIN_BOUNDS, policy.POLICY_ERROR, *re.findall(r'@reason\("(\w+)"\)', PLATFORM_POLICIES)}
    described = PAGES["docs/concepts.md"] + PAGES["docs/policies.md"]

    assert len(own) > 12 and {reason for reason in own if f"`{reason}`" not in described} == set()


def test_the_table_of_statuses_is_the_one_in_the_code():
    table = section("docs/concepts.md", "The life of an intent")
    rows = re.findall(r"^\| `(\w+)` \| [^|]* \| ([^|]*) \|$", table, re.MULTILINE)

    assert {status: set(re.findall(r"\w+", follows)) for status, follows in rows} == {
        status: set(follows) for status, follows in FOLLOWS.items()
    }


def test_what_a_policy_may_look_at_is_what_the_schema_says():
    context = SCHEMA.partition("context: {")[2]
    listed = re.findall(
        r"^\| ((?:`\w+`(?:, )?)+) \|", section("docs/policies.md", "What a rule may look at"), re.MULTILINE
    )

    assert {name for row in listed for name in re.findall(r"\w+", row)} == set(re.findall(r"(\w+): \w+", context))


def test_the_ledger_is_described_whole():
    page = PAGES["docs/ledger.md"]

    assert [name for name in (*ENTRY_FIELDS, *get_args(EventType)) if f"`{name}`" not in page] == []
    assert len(re.findall(r"^\d\. ", section("docs/ledger.md", "What `remit verify` checks"), re.MULTILINE)) == len(
        INVARIANTS
    )


@pytest.mark.parametrize(("page", "title"), [("docs/command-line.md", "key create"), ("docs/http.md", "Roles")])
def test_every_role_is_described_as_the_table_of_permissions_says(page, title):
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", section(page, title), re.MULTILINE)

    assert rows == [(role, spec.may) for role, spec in ROLES.items()]


def test_every_notice_and_every_field_of_a_subscription_is_described():
    told = re.findall(
        r"`([A-Z_]+)`", "".join(re.findall(r"^\| (`.+?) \|", section("docs/notifications.md", "What is told"), re.M))
    )
    fields = re.findall(r"^\| `(\w+)` \|", section("docs/notifications.md", "Subscriptions"), re.MULTILINE)

    assert told == list(get_args(NoticeKind))
    assert fields == list(NewSubscription.model_fields)


def test_every_setting_of_the_environment_is_described():
    sources = [*ROOT.glob("src/**/*.py"), ROOT / "tests" / "conftest.py"]
    used = {name for file in sources for name in re.findall(r"\bREMIT_[A-Z_]+[A-Z]\b", file.read_text())}
    named = set(re.findall(r"REMIT_[A-Z_]+[A-Z]", section("docs/operations.md", "Environment variables")))

    assert used - named == set()


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_no_place_of_one_machine(page):
    assert re.findall(r"(?<![\w:/.])/(?:home|work|tmp|root|Users)/\S*", PAGES[page]) == []


SOURCE = ROOT / "src" / "remit"
CODE_PATH = re.compile(
    r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|html|js|css)|(?:core|flow|ports|stores|entrypoints|app|lab)/[\w/]*)`"
)


# The changelog tells of what was there once.
@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_every_path_of_code_that_is_named_exists(page):
    named = CODE_PATH.findall(_FENCE.sub("", PAGES[page]))

    assert [path for path in named if not any((top / path).exists() for top in (ROOT, SOURCE, SOURCE.parent))] == []


def test_the_way_of_an_intent_names_functions_that_are_there():
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    named = re.findall(r"`(?:App|Store|IntentHistory)\.(\w+)`", PAGES["docs/architecture.md"])

    assert len(named) > 4 and [name for name in named if not re.search(rf"def {name}\b", text)] == []


@pytest.mark.parametrize("package", ["flow", "app", "ports"])
def test_a_package_says_what_each_of_its_modules_is_for(package):
    folder = SOURCE / package
    said = (folder / "__init__.py").read_text(encoding="utf-8").split('"""')[1]
    modules = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}

    assert {name for name in modules - {"__init__", "part"} if f"`{name}`" not in said} == set()


def test_every_decision_is_in_the_index_and_every_page_is_found_from_another():
    linked = {
        (ROOT / page).parent.joinpath(target.partition("#")[0]).resolve()
        for page, text in PAGES.items()
        for target in re.findall(r"\]\(([^)\s]+)\)", text)
        if not target.startswith(("https://", "#"))
    }

    assert [str(path) for path in ROOT.glob("docs/**/*.md") if path.resolve() not in linked | INDEXES] == []


INDEXES = {(ROOT / "docs" / "decisions" / "README.md").resolve()}


ADAPTERS = {f"remit.agents.{name}" for name in ("claude", "langchain", "openai_agents", "pydantic_ai")}
PUBLIC_PACKAGES = {"remit", "remit.agents", *ADAPTERS, "remit.testing", "remit.stores.dynamodb"}


def test_no_document_and_no_example_sends_anybody_inside():
    texts = {**PAGES, **{str(path): path.read_text(encoding="utf-8") for path in ROOT.glob("examples/**/*.py")}}
    found = {
        (name, module)
        for name, text in texts.items()
        for module in re.findall(r"^(?:from|import) (remit[\w.]*)", text, re.MULTILINE)
    }

    assert [(name, module) for name, module in found if module not in PUBLIC_PACKAGES] == []
