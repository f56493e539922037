# What the scanner makes of a recorded stream.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames of a file or a pipe, of any length in bounded memory: ``prusacam frames``.

With what a camera really sent in a file, the reason why a frame is missing can be found
at a desk.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from .scanner import Scanner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .scanner import Frame


class Readable(Protocol):
    """An unbuffered file."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer's beginning; how much of it, 0 at the end."""


def frames_of(file: Readable, scanner: Scanner) -> Iterator[Frame]:
    """Read ``file`` to its end, straight into the scanner's slots; raises OSError."""
    while count := file.readinto(scanner.get_buffer()):
        yield from scanner.advance(count)


def dump(file: Readable, folder: Path | None = None) -> Iterator[dict[str, Any]]:
    """One record a frame, and a last one of counters; raises OSError.

    With ``folder``, which must exist, frames are written there: frame-000001.jpg, ….
    """
    scanner = Scanner()
    for frame in frames_of(file, scanner):
        if folder is not None:
            _write(folder / f"frame-{frame.seq:06d}.jpg", frame)
        yield {
            "offset": frame.offset,
            "length": len(frame),
            "width": frame.width,
            "height": frame.height,
            "sha1": hashlib.sha1(frame.data, usedforsecurity=False).hexdigest(),
        }
    yield {**attrs.asdict(scanner.stats), "pending_bytes": scanner.pending_bytes}


def _write(file: Path, frame: Frame) -> None:
    try:
        file.write_bytes(frame.data)
    except OSError as error:  # a full disk does not tell the name
        raise OSError(error.errno, error.strerror, str(file)) from error
