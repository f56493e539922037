# One camera picture, and the account of the bytes it came from.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scanner hands out: frames, and the counters that explain missing ones."""

from __future__ import annotations

import time
from functools import cached_property

import attrs


@attrs.frozen(eq=False)
class Frame:
    """One whole JPEG as a camera sent it; shared freely, equal only to itself.

    ``first_ns`` and ``last_ns`` are CLOCK_MONOTONIC nanoseconds, taken when the reads
    with its first and its last byte were fed; ``wall_time`` is Unix seconds at the
    latter. ``seq`` counts the frames of one scanner from 1. ``has_dht`` is false when
    the camera left the Huffman tables out, as UVC cameras do.
    """

    data: bytes = attrs.field(repr=False)
    seq: int
    width: int
    height: int
    has_dht: bool
    first_ns: int
    last_ns: int
    wall_time: float

    def __len__(self) -> int:
        return len(self.data)

    def age_s(self, now_ns: int | None = None) -> float:
        """Seconds since the last byte arrived, on the clock of ``last_ns``."""
        now_ns = time.monotonic_ns() if now_ns is None else now_ns
        return (now_ns - self.last_ns) / 1e9

    @cached_property
    def part_header(self) -> bytes:
        """Headers of this frame as a part of multipart/x-mixed-replace."""
        return part_header(len(self.data), self.wall_time)


def part_header(size_bytes: int, wall_time: float) -> bytes:
    """Headers of a part whose JPEG has ``size_bytes``, with the empty line."""
    return (
        f"Content-Type: image/jpeg\r\n"
        f"Content-Length: {size_bytes}\r\n"
        f"X-Timestamp: {wall_time:.6f}\r\n\r\n"
    ).encode("ascii")


@attrs.frozen
class ScannerStats:
    """Counters of one scanner since it was made; ``reset`` does not clear them.

    ``bytes_in`` is always the sum of ``frame_bytes``, ``dropped_bytes``,
    ``junk_bytes`` and the scanner's ``pending_bytes``.
    """

    bytes_in: int
    """Everything that was fed."""
    frames: int
    """Frames delivered."""
    frame_bytes: int
    """Bytes of delivered frames, without inserted Huffman tables."""
    junk_bytes: int
    """Bytes outside images: padding, multipart text, the rest of a dropped image."""
    dropped_bytes: int
    """Bytes of images up to where they were dropped."""
    truncated: int
    """Images dropped because the next one began inside them."""
    oversize: int
    """Images dropped because they passed ``max_frame_bytes``."""
    malformed: int
    """Images dropped because their structure is impossible or incomplete."""
    secondary: int
    """Whole images not delivered: previews that directly follow a frame (MPF)."""
    without_dht: int
    """Delivered frames that came without Huffman tables."""
