"""The light client is a wheel of its own: with httpx alone it asks a server, and it shares no file with the whole."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.entrypoints.http_world import ACME, http_world

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "remit"
UV = Path(sys.executable).with_name("uv")

USES_IT = """
import importlib.util, json, os
from remit.agents import action

@action("REFUND_ORDER", confidence_score=0.9)
def refund(order_id: str, amount: int) -> str:
    return f"refunded {amount}"

absent = [name for name in ("fastapi", "sqlalchemy", "pydantic", "msgspec", "remit.wiring", "remit.flow")
          if importlib.util.find_spec(name) is None]
try:
    from remit import Remit
except ImportError as error:
    said = str(error)
print(json.dumps({"heard": refund("o-1", 5), "absent": absent, "said": said}))
"""


def run(*words, **more):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """The files of both wheels by distribution, and where the wheels are."""
    folder = tmp_path_factory.mktemp("wheels")
    for project in (ROOT, ROOT / "packages" / "client"):
        # The wheel is built from the source distribution, as it is where that is all there is.
        run(UV, "build", "--quiet", "--out-dir", folder, project)
    return {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}


def files_of(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if name.startswith("remit/")}


def test_both_wheels_together_are_the_source_and_share_no_file(wheels):
    whole, light = files_of(wheels["remit"]), files_of(wheels["remit_client"])

    source = {f"remit/{path.relative_to(SOURCE)}" for path in SOURCE.rglob("*") if path.is_file()}
    assert whole | light == {name for name in source if "__pycache__" not in name}
    assert whole & light == set()


def test_installed_alone_it_makes_a_call_and_holds_nothing_of_the_server(wheels, tmp_path):
    run(UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--python", python, wheels["remit_client"])
    with http_world(tmp_path) as world:
        own = {"REMIT_URL": world.url, "REMIT_KEY": world.keys[ACME, "agent"], "REMIT_ACCOUNT": "acct-1"}
        elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        told = json.loads(run(python, "-I", "-c", USES_IT, env={**elsewhere, **own}, cwd=tmp_path))

        assert told["heard"] == "refunded 5"
        assert told["absent"] == ["fastapi", "sqlalchemy", "pydantic", "msgspec", "remit.wiring", "remit.flow"]
        assert told["said"] == "Remit is of the whole package: pip install remit"
        assert world.remit.intents(ACME)[0][0]["status"] == "SUCCEEDED"


def test_the_whole_package_asks_for_the_light_one_of_its_own_version():
    whole, light = (
        tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"] for folder in (".", "packages/client")
    )

    assert f"{light['name']}=={whole['version']}" in whole["dependencies"]
    assert light["version"] == whole["version"]
    assert (ROOT / "packages" / "client" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    for name in light["optional-dependencies"]:
        assert whole["optional-dependencies"][name] == [f"{light['name']}[{name}]"]
