"""The CDK app: `./dev synth`, `./dev deploy`, `./dev destroy`, with context as `infra.settings` lists it."""

from __future__ import annotations

from aws_cdk import App, Validations
from aws_cdk import aws_lambda as lambda_
from cdk_nag import AwsSolutionsChecks

from infra.package import BUILT, build
from infra.settings import settings_from
from infra.stack import RemitStack


def main() -> None:
    app = App()
    settings = settings_from(app.node.try_get_context)
    build()
    RemitStack(app, settings, lambda_.Code.from_asset(str(BUILT)))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


if __name__ == "__main__":
    main()
