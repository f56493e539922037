# Writes the seed corpus of the fuzz target.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.fuzz.corpus FOLDER``: every stream of the tests, as fuzz inputs."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.jpeg_streams import CASES

OPTIONS = 32
MAX_SEED_BYTES = 4 << 10
"""The fuzzer changes small inputs best; what is longer goes in cut."""


def write_corpus(folder: Path, max_bytes: int = MAX_SEED_BYTES) -> list[Path]:
    """The files written: each stream with another set of options in front."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, case in enumerate(CASES):
        limit = case.options.get("max_frame_bytes", 0)
        header = bytes([min(limit // 16, 255), number % OPTIONS, 0x12, number])
        file = folder / case.name
        file.write_bytes(header + case.stream[:max_bytes])
        files.append(file)
    return files


if __name__ == "__main__":
    write_corpus(Path(sys.argv[1]))
