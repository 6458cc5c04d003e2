"""One synthesized template for all tests of it: making it takes ten seconds."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.settings import Settings

ISSUER, AUDIENCE = "https://issuer.example/", "remit"
FULL = Settings(oidc_issuer=ISSUER, oidc_audience=AUDIENCE, alarm_email="ops@example.com")


def _need_node() -> None:
    if shutil.which("node"):
        return
    if os.environ.get("CI"):
        raise RuntimeError("the CDK needs Node.js, and there is no node here")
    pytest.skip("no Node.js: the CDK needs it to make templates")


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`synthesize(settings, package=…)` answers a template's path, and raises what cdk-nag finds."""
    _need_node()
    from aws_cdk import App, Validations
    from aws_cdk import aws_lambda as lambda_
    from cdk_nag import AwsSolutionsChecks

    from infra.stack import RemitStack

    placeholder = tmp_path_factory.mktemp("package")
    (placeholder / "placeholder.py").write_text("")

    def synthesized(settings: Settings, package: Path = placeholder) -> Path:
        out = tmp_path_factory.mktemp("cdk.out")
        app = App(outdir=str(out))
        RemitStack(app, settings, lambda_.Code.from_asset(str(package)))
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        app.synth()
        return out / f"{settings.name}.template.json"

    return synthesized


class Template:
    """What CloudFormation is given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.whole: dict[str, Any] = json.loads(path.read_text())
        self.resources: dict[str, Any] = self.whole["Resources"]

    def of(self, kind: str) -> dict[str, Any]:
        """Resources of one type, by logical id."""
        return {name: found for name, found in self.resources.items() if found["Type"] == f"AWS::{kind}"}

    def one(self, kind: str) -> dict[str, Any]:
        (found,) = self.of(kind).values()
        properties: dict[str, Any] = found["Properties"]
        return properties

    def named(self, kind: str, part: str) -> dict[str, Any]:
        """The properties of the only one whose logical id begins with `part`."""
        (found,) = [each for name, each in self.of(kind).items() if name.startswith(part)]
        properties: dict[str, Any] = found["Properties"]
        return properties


@pytest.fixture(scope="session")
def template(synthesize: Callable[..., Path]) -> Iterator[Template]:
    yield Template(synthesize(FULL))
