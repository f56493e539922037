# The implementations of the frame scanner.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both twins of the scanner, or one where there was no compiler; ways to use them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera import _scanner_py
from moonraker_prusacam.camera import frame as _frame_py

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from moonraker_prusacam.camera import Frame, Scanner

COMPILED: Any
"""The compiled module, or None."""
try:
    COMPILED = importlib.import_module("moonraker_prusacam.camera._scanner_c")
except ImportError:
    COMPILED = None

TWINS: dict[str, type[Scanner]] = {"python": _scanner_py.Scanner}
FRAME_TWINS: dict[str, type[Frame]] = {"python": _frame_py.Frame}
if COMPILED is not None:
    TWINS = {"c": COMPILED.Scanner, **TWINS}
    FRAME_TWINS = {"c": COMPILED.Frame, **FRAME_TWINS}

needs_compiled = pytest.mark.skipif(COMPILED is None, reason="not compiled")


def feed_all(scanner: Scanner, reads: Iterable[bytes]) -> list[Frame]:
    """The frames of reads that are fed."""
    return [frame for data in reads for frame in scanner.feed(data)]


def receive(scanner: Scanner, data: bytes, hint: int = -1) -> tuple[int, list[Frame]]:
    """Put the beginning of ``data`` in place; how much of it, and its frames."""
    view = scanner.get_buffer(hint)
    count = min(len(view), len(data))
    view[:count] = data[:count]
    return count, scanner.advance(count)


def receive_all(scanner: Scanner, reads: Iterable[bytes]) -> list[Frame]:
    """The frames of reads that are received in place."""
    frames = []
    for data in reads:
        rest = data
        while rest:
            count, completed = receive(scanner, rest, len(rest))
            frames += completed
            rest = rest[count:]
    return frames


WAYS: dict[str, Callable[[Scanner, Iterable[bytes]], list[Frame]]] = {
    "feed": feed_all,
    "in_place": receive_all,
}
