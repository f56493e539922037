# The programs that are too slow in Python.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the C programs of the benchmarks into a temporary folder."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import attrs

SOURCES = Path(__file__).parent
COMPILE_TIMEOUT_S = 60.0
RING_BYTES = 1 << 20


class CompilerMissing(Exception):
    """There is no gcc."""


@attrs.frozen
class Programs:
    """Paths of what was built."""

    bare_server: Path
    snapshot_client: Path
    viewers: Path
    library: Path


def build(folder: Path) -> Programs:
    """Build all; raises CompilerMissing."""
    return Programs(
        _compile(folder, "bare_server"),
        _compile(folder, "snapshot_client"),
        _compile(folder, "viewers"),
        _compile(folder, "native", "-shared", "-fPIC"),
    )


def _compile(folder: Path, name: str, *options: str) -> Path:
    compiler = shutil.which("gcc")
    if compiler is None:
        raise CompilerMissing("the benchmarks need gcc")
    target = folder / name
    source = SOURCES / f"{name}.c"
    subprocess.run(
        [
            compiler,
            "-O2",
            "-Wall",
            "-Wextra",
            "-Werror",
            *options,
            "-o",
            target,
            source,
        ],
        timeout=COMPILE_TIMEOUT_S,
        check=True,
    )
    return target


class PlainCopy:
    """memcpy of the same bytes, in the same reads."""

    def __init__(self, library: Path) -> None:
        self._copy = ctypes.CDLL(str(library)).copy_ns
        size = ctypes.c_size_t
        self._copy.argtypes = [ctypes.c_char_p, size, size, ctypes.c_char_p, size]
        self._copy.restype = ctypes.c_int64
        self._ring = ctypes.create_string_buffer(RING_BYTES)

    def measure_ns(self, data: bytes, read_bytes: int) -> int:
        """How long it takes to copy ``data`` into a ring by ``read_bytes``."""
        taken_ns: int = self._copy(data, len(data), read_bytes, self._ring, RING_BYTES)
        return taken_ns
