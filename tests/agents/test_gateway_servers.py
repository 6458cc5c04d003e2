"""Servers behind the gateway: several, over stdio and HTTP, that change, die and come back; and bounds out of them."""

import asyncio
import copy
import re
import socket
import subprocess
import sys

import mcp_types as types
import pytest
import yaml
from typer.testing import CliRunner

from remit.core.errors import InvalidInput
from remit.entrypoints.bounds_file import BoundsFile
from remit.entrypoints.cli import app, output
from remit.entrypoints.gateway.discover import bounds_text
from remit.entrypoints.gateway.settings import read_settings, settings_of
from remit.entrypoints.gateway.tools import GatewayTool
from tests.entrypoints.http_world import ACME
from tests.waiting import PATIENCE_S, until

from .gateway_world import ROOT, gateway_world
from .test_gateway import ORDER, intent_of, settled, text_of


@pytest.fixture
def gate(tmp_path):
    with gateway_world(tmp_path) as here:
        yield here


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class ShopOverHttp:
    def __init__(self, gate, port):
        self.gate, self.port, self.process = gate, port, None

    def start(self):
        arguments = ["-m", "tests.agents.mcp_shop", str(self.gate.directory), str(self.port)]
        self.process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT)
        until(self._listens, what="the shop listens")

    def stop(self):
        self.process.kill()
        self.process.wait(60)

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def shop(gate, port):
    gate.settings["servers"] = {"shop": {"url": f"http://127.0.0.1:{port}/mcp", "headers": {"X-Shop": "${SHOP_KEY}"}}}
    here = ShopOverHttp(gate, port)
    here.start()
    yield here
    here.stop()


def talk(gate, conversation, **options):
    async def whole():
        async with gate.client("http", **{"mode": "legacy", **options}) as client:
            return await conversation(client)

    return asyncio.run(whole())


def test_a_server_that_speaks_http_is_reached_again_when_it_has_been_away(gate, shop):
    async def conversation(client):
        first = await client.call_tool("note", {"order_id": "o-1"})
        shop.stop()
        # Its answer is lost, or it is known to be away: nobody calls it twice.
        await client.call_tool("note", {"order_id": "o-2"})
        shop.start()
        while (last := await client.call_tool("note", {"order_id": "o-3"})).is_error:
            assert "Nothing was done" in text_of(last) or "may have happened" in text_of(last)
        return first, last

    results = talk(gate, conversation)

    assert [text_of(result) for result in results] == ["note done"] * 2
    assert gate.effects == ["note o-1", "note o-3"]


def test_a_server_over_http_that_dies_in_the_middle_leaves_it_open(gate, shop):
    result = talk(gate, lambda client: client.call_tool("die"))

    assert result.is_error and "may have happened" in text_of(result)
    assert (gate.effects, gate.statuses()) == (["die"], ["UNKNOWN"])


def test_tools_of_several_servers_have_their_servers_name_in_front(gate):
    gate.settings["servers"]["other"] = gate.settings["servers"]["shop"]
    gate.settings["tools"] = {"shop__note": {"action_type": "NOTE"}, "other__note": {"action_type": "FAIL"}}

    async def conversation(client):
        names = [tool.name for tool in (await client.list_tools()).tools]
        return names, await client.call_tool("other__note"), await client.call_tool("shop__note")

    names, *results = talk(gate, conversation)

    assert {"shop__refund", "other__refund", "remit_answer"} <= set(names)
    assert [text_of(result) for result in results] == ["note done"] * 2
    lines = gate.world.client("auditor").get("/v1/intents").json()["items"]
    assert {line["action_type"] for line in lines} == {"NOTE", "FAIL"}


def described(tools):
    return next(tool.description for tool in tools.tools if tool.name == "refund")


def test_clients_are_told_that_tools_have_changed_and_see_them(gate):
    gate.settings["free"] = ["change"]
    heard = asyncio.Event()

    async def message(told):
        if isinstance(told, types.ToolListChangedNotification):
            heard.set()

    async def conversation(client):
        before = after = await client.list_tools()
        await client.call_tool("change")
        # What it hears first may be of the server's start.
        while described(after) == described(before):
            await asyncio.wait_for(heard.wait(), PATIENCE_S)
            heard.clear()
            after = await client.list_tools()
        return before, after

    before, after = talk(gate, conversation, message_handler=message)

    assert [described(before), described(after)] == ["Refund an order", "Refund far more"]


def test_clients_of_today_hear_it_where_they_listen(gate):
    gate.settings["free"] = ["change"]

    async def conversation(client):
        before = after = await client.list_tools()
        async with client.listen(tools_list_changed=True) as changes:
            await client.call_tool("change")
            while described(after) == described(before):
                await asyncio.wait_for(anext(aiter(changes)), PATIENCE_S)
                after = await client.list_tools()
        return before, after

    before, after = talk(gate, conversation, mode="auto")

    assert [described(before), described(after)] == ["Refund an order", "Refund far more"]


def test_a_tool_that_changes_between_approval_and_call_does_not_run(gate):
    gate.settings["free"] = ["change", "search"]

    async def conversation(client):
        waits = await client.call_tool("refund", ORDER)
        await client.call_tool("change")
        while described(await client.list_tools()) != "Refund far more":
            await asyncio.sleep(0)
        gate.approve(intent_of(waits))
        return await settled(client, waits)

    result = talk(gate, conversation)

    assert result.is_error and "Nothing was done" in text_of(result)
    assert (gate.statuses(), gate.effects) == (["WITHDRAWN"], ["change"])


# --- bounds out of tools ---


def discovered(gate):
    answer = CliRunner().invoke(app, ["mcp", "discover", str(gate.file), "--tenant", ACME], env=gate.environ)
    assert answer.exit_code == 0, (answer.output, answer.exception)
    return answer.output


def test_bounds_are_written_for_a_person_to_review_and_let_nothing_run_alone(gate):
    text = discovered(gate)

    read = BoundsFile.of_text("bounds.yaml", text).bounds
    tiers = {name: spec.risk_tier for name, spec in read.action_types.items()}
    assert (tiers["WIPE"], tiers["NOTE"], "SEARCH" in tiers) == ("HIGH", "MEDIUM", False)
    assert yaml.safe_load(text)["action_types"]["REFUND"]["parameters"]["required"] == ["order_id"]
    assert yaml.safe_load(text)["allowlist"] == [] and "takes the place of all the bounds" in text


def test_a_read_only_hint_is_told_and_lowers_nothing(gate):
    gate.settings["free"] = []

    text = discovered(gate)

    assert yaml.safe_load(text)["action_types"]["SEARCH"]["risk_tier"] == "MEDIUM"
    assert "says that it only reads" in text


DRAFT = {"$schema": "http://json-schema.org/draft-07/schema#"}
OF_A_SERVER = {
    "older": {**DRAFT, "type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    "tuple": {**DRAFT, "type": "object", "properties": {"a": {"type": "array", "items": [{"type": "string"}]}}},
    "around": {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(?!x)"}}},
}


def tools_named(**schemas):
    settings = settings_of({"remit": {"url": "http://x"}, "account_id": "a", "servers": {"shop": {"command": "x"}}})
    return [
        GatewayTool(name, name, "shop", {"name": name, "inputSchema": it}, settings) for name, it in schemas.items()
    ]


def test_tools_of_an_older_draft_or_with_a_schema_that_bounds_cannot_check_do_not_keep_others_from_being_applied():
    text = bounds_text(tools_named(**OF_A_SERVER), ACME)

    types = BoundsFile.of_text("bounds.yaml", text).bounds.action_types
    assert types["OLDER"].parameters == {
        name: OF_A_SERVER["older"][name] for name in ("type", "properties", "required")
    }
    assert [types[name].parameters for name in ("TUPLE", "AROUND")] == [{"type": "object"}] * 2
    assert "read as 2020-12" in text and text.count("not checked by bounds") == 2


def test_a_tool_whose_name_makes_no_action_type_is_said_with_the_place_to_name_one():
    with pytest.raises(InvalidInput, match=r"tools\.2fa: .*action_type in the gateway's file"):
        bounds_text(tools_named(**{"2fa": {"type": "object"}}), ACME)


def test_discovered_bounds_pin_what_was_reviewed(gate):
    bounds = yaml.safe_load(discovered(gate))
    bounds["action_types"]["NOTE"]["risk_tier"] = "LOW"
    bounds |= {"allowlist": ["NOTE"], "modes": {"default": "AUTO_EXECUTE"}, "budget": {"max_autonomous_per_day": 9}}
    gate.world.remit.apply(bounds, by="the test")
    assert text_of(talk(gate, lambda client: client.call_tool("note", {"order_id": "o-1"}))) == "note done"
    bounds = copy.deepcopy(bounds)
    bounds["action_types"]["NOTE"]["tool"]["parameters"]["$definition"] = "0" * 64
    gate.world.remit.apply(bounds, by="the test")

    result = talk(gate, lambda client: client.call_tool("note", {"order_id": "o-2"}))

    assert result.is_error and "definition" in text_of(result)
    assert (gate.effects, gate.statuses()) == (["note o-1"], ["FAILED", "SUCCEEDED"])


def test_two_tools_of_one_action_type_are_not_written(gate):
    gate.settings["tools"] = {"note": {"action_type": "REFUND"}}

    answer = CliRunner().invoke(app, ["mcp", "discover", str(gate.file), "--tenant", ACME], env=gate.environ)

    assert "would be the action type REFUND" in str(answer.exception)


def test_a_file_that_is_there_stays(gate, tmp_path):
    there = tmp_path / "bounds.yaml"
    there.write_text("mine")

    command = ["mcp", "discover", str(gate.file), "--tenant", ACME, "--out", str(there)]
    answer = CliRunner().invoke(app, command, env=gate.environ)

    assert "cannot be written" in str(answer.exception) and there.read_text() == "mine"


# --- the file ---


def test_the_file_that_the_documentation_shows_can_be_read(tmp_path):
    page = (ROOT / "docs" / "agents.md").read_text()
    (shown,) = re.findall(r"<!-- gateway -->\n```yaml\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "gateway.yaml"
    file.write_text(shown)

    settings = read_settings(file)

    assert len(shown.splitlines()) < 15 and settings.rule("shop__refund").risk == "MEDIUM"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"servers": {}}, "servers"),
        ({"servers": {"a_b": {"command": "x"}}}, "servers"),
        ({"servers": {"shop": {"command": "x", "url": "http://x"}}}, "either a command or a url"),
        ({"servers": {"shop": {"command": "x", "env": {"A": "${NOT_SET_ANYWHERE}"}}}}, "NOT_SET_ANYWHERE"),
        ({"remit": {"url": "http://x", "key_env": "NOT_SET_ANYWHERE"}}, "NOT_SET_ANYWHERE"),
        ({"remit": {"url": "127.0.0.1:8000"}}, "remit.url: is not an http or https URL"),
        ({"freee": []}, "freee"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(gate, changes, said):
    gate.settings |= changes

    answer = CliRunner().invoke(app, ["gateway", str(gate.file)], env=gate.environ)

    assert said in str(answer.exception) and output.exit_code(answer.exception) == output.WRONG_INPUT


def test_only_loopback_is_listened_on(gate):
    answer = CliRunner().invoke(app, ["gateway", str(gate.file), "--http", "0.0.0.0:0"], env=gate.environ)

    assert "--http" in str(answer.exception) and "other machines" in str(answer.exception)


def test_a_missing_package_is_said_with_the_way_to_get_it(gate, monkeypatch):
    monkeypatch.setattr("remit.entrypoints.cli.gateway.find_spec", lambda _: None)

    answer = CliRunner().invoke(app, ["gateway", str(gate.file)], env=gate.environ)

    assert "pip install 'remit[gateway]'" in str(answer.exception)
