"""
Trains the dictionaries that stores pack with: `./dev python -m bench.dictionary DIRECTORY`, which gets one file for
the ledger's lines (`lines.zdict`) and one for records (`records.zdict`).

The samples are what made-up tenants of `bench.lives` leave in a store; no tenant's data is in them. A dictionary that
was shipped is never changed: a better one gets the next number in `stores/dictionaries` and in `stores/packing.py`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

import zstandard

from bench.lives import lived
from remit.stores.packing import SETTINGS

TRAINING: dict[str, dict[str, int]] = {
    "lines": {"level": 3, "dict_size": 64 * 1024},
    "records": {"level": 1, "dict_size": 32 * 1024, "k": 4000, "d": 8},
}
"""By the name of the file: what packed best of a few sizes, and of a few lengths of what stays together (`k`)."""
TESTED = 7
"""Every so many samples are kept out of the training, and say how well it went."""


def main() -> None:
    left = lived(random.Random(7))
    for name, samples in (("lines", left.lines), ("records", left.records)):
        trained = _trained(samples, **TRAINING[name])
        (Path(sys.argv[1]) / f"{name}.zdict").write_bytes(trained.as_bytes())
        sys.stdout.write(f"{name}: {_measured(trained, samples[::TESTED])}\n")


def _trained(samples: Sequence[bytes], **how: int) -> zstandard.ZstdCompressionDict:
    known: list[bytes | bytearray | memoryview] = [each for n, each in enumerate(samples) if n % TESTED]
    return zstandard.train_dictionary(samples=known, **how)


def _measured(trained: zstandard.ZstdCompressionDict, samples: Sequence[bytes]) -> str:
    packer = zstandard.ZstdCompressor(compression_params=SETTINGS, dict_data=trained)
    before, after = sum(map(len, samples)), sum(len(packer.compress(sample)) for sample in samples)
    return f"{len(samples)} samples of {before // len(samples)} bytes, packed to {after // len(samples)}"


if __name__ == "__main__":
    main()
