"""The part of Remit's source that the light client is; the wheel of `remit` leaves exactly this out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PARTS = ("__init__.py", "py.typed", "client", "agents", "core/__init__.py", "core/errors.py", "core/action_name.py")


class LightBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            # The whole source is on the path then (`dev-mode-dirs`).
            return
        here = Path(self.root)
        # A source distribution brings its part of the source along.
        source = next(each for each in (here / "src", here.parents[1] / "src") if each.exists())
        folder = "src/remit" if self.target_name == "sdist" else "remit"
        build_data["force_include"] |= {str(source / "remit" / part): f"{folder}/{part}" for part in PARTS}
