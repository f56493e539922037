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
from typing import TYPE_CHECKING, Self

import attrs

if TYPE_CHECKING:
    from types import TracebackType

SOURCES = Path(__file__).parent
CAMERA = SOURCES.parent / "support" / "v4l2_camera"
CORE = SOURCES.parents[1] / "ext"
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
    v4l2_camera: Path


def build(folder: Path) -> Programs:
    """Build all; raises CompilerMissing."""
    return Programs(
        _compile(folder, "bare_server"),
        _compile(folder, "snapshot_client"),
        _compile(folder, "viewers"),
        # Optimised like the extension, whose headers it includes.
        _compile(folder, "native", "-O3", "-shared", "-fPIC", "-pthread", f"-I{CORE}"),
        _compile(folder, "camera", "-shared", "-fPIC", "-pthread", sources=CAMERA),
    )


def _compile(folder: Path, name: str, *options: str, sources: Path = SOURCES) -> Path:
    compiler = shutil.which("gcc")
    if compiler is None:
        raise CompilerMissing("the benchmarks need gcc")
    target = folder / name
    source = sources / f"{name}.c"
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


class PlainFramer:
    """The C core, called from C."""

    def __init__(self, library: Path, max_frame_bytes: int = 8 << 20) -> None:
        functions = ctypes.CDLL(str(library))
        size, pointer = ctypes.c_size_t, ctypes.c_void_p
        functions.open_framer.argtypes = [size]
        functions.open_framer.restype = pointer
        functions.close_framer.argtypes = [pointer]
        functions.close_framer.restype = None
        functions.advance_ns.argtypes = [pointer, ctypes.c_char_p, size, size]
        functions.advance_ns.restype = ctypes.c_int64
        self._functions = functions
        self._framer = functions.open_framer(max_frame_bytes)
        if not self._framer:
            raise MemoryError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._functions.close_framer(self._framer)

    def measure_ns(self, data: bytes, read_bytes: int) -> int:
        """How long it takes to scan ``data`` in place by ``read_bytes``."""
        taken_ns: int = self._functions.advance_ns(
            self._framer, data, len(data), read_bytes
        )
        return taken_ns
