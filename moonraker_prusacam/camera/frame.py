# One camera picture, and the account of the bytes it came from.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scanner hands out: frames, and the counters that explain missing ones.

``Frame`` is the pure-Python twin of the one in ext/scanner.pyx; both change together.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn, Self, final

import attrs

if TYPE_CHECKING:
    from typing_extensions import Buffer


def part_header(size_bytes: int, wall_time: float) -> bytes:
    """Headers of a frame as a part of multipart/x-mixed-replace."""
    return (
        f"Content-Type: image/jpeg\r\n"
        f"Content-Length: {size_bytes}\r\n"
        f"X-Timestamp: {wall_time:.6f}\r\n\r\n"
    ).encode("ascii")


@final
class Frame(bytes):
    """One whole JPEG as a camera sent it; shared freely, equal only to itself.

    It is its bytes: a read-only buffer without a copy. ``first_ns`` and ``last_ns`` are
    CLOCK_MONOTONIC nanoseconds, taken when the reads with its first and its last byte
    were fed; ``wall_time`` is Unix seconds at the latter. ``seq`` counts the frames of
    one scanner from 1, ``offset`` its bytes up to the frame. ``has_dht`` is false when
    the camera left the Huffman tables out, as UVC cameras do. ``part_header`` holds the
    headers of this frame as a part of multipart/x-mixed-replace.
    """

    seq: int
    width: int
    height: int
    has_dht: bool
    first_ns: int
    last_ns: int
    wall_time: float
    offset: int
    part_header: bytes

    def __new__(
        cls,
        data: Buffer,
        *,
        seq: int,
        width: int,
        height: int,
        has_dht: bool,
        first_ns: int,
        last_ns: int,
        wall_time: float,
        offset: int = 0,
    ) -> Self:
        """Copy ``data`` and set the rest, once and for all."""
        self = super().__new__(cls, data)
        vars(self).update(
            seq=seq,
            width=width,
            height=height,
            has_dht=has_dht,
            first_ns=first_ns,
            last_ns=last_ns,
            wall_time=wall_time,
            offset=offset,
            part_header=part_header(len(self), wall_time),
        )
        return self

    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<Frame {self.seq}: {self.width}x{self.height}, {len(self)} bytes>"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a frame cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a frame cannot be changed")

    @property
    def data(self) -> memoryview:
        """The JPEG; no copy."""
        return memoryview(self)

    def age_s(self, now_ns: int | None = None) -> float:
        """Seconds since the last byte arrived, on the clock of ``last_ns``."""
        now_ns = time.monotonic_ns() if now_ns is None else now_ns
        return (now_ns - self.last_ns) / 1e9

    def with_data(self, data: Buffer) -> Frame:
        """The same frame with another JPEG, which is copied."""
        return Frame(
            data,
            seq=self.seq,
            width=self.width,
            height=self.height,
            has_dht=self.has_dht,
            first_ns=self.first_ns,
            last_ns=self.last_ns,
            wall_time=self.wall_time,
            offset=self.offset,
        )


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
    """Bytes of delivered frames as the camera sent them."""
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
    starved: int
    """Images dropped because frames that others hold left no memory for them."""


@attrs.frozen
class PoolStats:
    """The memory of one scanner's frames; the pure-Python twin has no pool, all 0."""

    slots: int
    """Slots that exist, free ones and the one being filled included."""
    in_use: int
    """Slots with a frame that somebody holds, and the one being filled."""
    bytes: int
    """What all slots take."""
    peak_bytes: int
    """The most that they ever took."""
    limit_bytes: int
    """The most that they may take."""
