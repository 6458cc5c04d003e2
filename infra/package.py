"""
The functions' package: our source and its locked dependencies, for Lambda's machine and not for this one.

uv resolves wheels for another platform, so no container is needed; hashes are those of `requirements/lambda.txt`.
`python -m infra.package [DIRECTORY]` builds it and prints its size.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILT = ROOT / ".build" / "functions"

PYTHON = "3.14"
ARCHITECTURE = "ARM_64"
PLATFORM = "aarch64-manylinux2014"
LARGEST_BYTES = 250 * 1024 * 1024
"""Lambda's own limit, unpacked."""

CLIENTS = ("dynamodb", "events", "secretsmanager", "sts", "xray")
"""What botocore is kept for; its descriptions of four hundred other services are two thirds of the package."""
NOT_OURS = ("demo", "testing", "stores/sql", "entrypoints/cli", "__main__.py")
"""Of our source: what no function imports."""


def build(target: Path = BUILT, *, platform: str = PLATFORM, python: str = PYTHON) -> Path:
    """Build it anew. Raises `CalledProcessError` if a locked wheel cannot be had, `ValueError` if it is too large."""
    shutil.rmtree(target, ignore_errors=True)
    _install(target, platform, python)
    shutil.copytree(ROOT / "src" / "remit", target / "remit", ignore=shutil.ignore_patterns("__pycache__"))
    _trim(target)
    size = size_of(target)
    if size > LARGEST_BYTES:
        raise ValueError(f"the package has {size} bytes, and Lambda takes {LARGEST_BYTES}")
    return target


def _install(target: Path, platform: str, python: str) -> None:
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    only_locked = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "-r", "requirements/lambda.txt"]
    for_there = [
        "--python-platform",
        platform,
        "--python-version",
        python,
        "--target",
        str(target),
        "--link-mode",
        "copy",
    ]
    subprocess.run([uv, "pip", "install", "--quiet", *only_locked, *for_there], check=True, cwd=ROOT)  # noqa: S603


def _trim(target: Path) -> None:
    for name in NOT_OURS:
        _remove(target / "remit" / name)
    for service in (target / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in CLIENTS:
            _remove(service)
    for pattern in ("bin", "**/__pycache__", "**/tests", "**/*.pyi"):
        for found in [*target.glob(pattern)]:
            _remove(found)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def size_of(target: Path) -> int:
    return sum(file.stat().st_size for file in target.rglob("*") if file.is_file())


if __name__ == "__main__":
    directory = build(Path(sys.argv[1])) if len(sys.argv) > 1 else build()
    print(f"{directory}: {size_of(directory) / 1024 / 1024:.0f} MB for {PLATFORM}, Python {PYTHON}")
