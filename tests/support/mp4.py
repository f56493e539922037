# Small MP4s, made without ffmpeg.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes that add up, around pictures that nobody decodes (ISO/IEC 14496-12)."""

from __future__ import annotations

import struct

UNITY = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
TIMESCALE = 1000


def box(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def movie(
    *, frames: int = 10, fps: int = 10, width: int = 64, height: int = 48, rest: int = 0
) -> bytes:
    """A video of so many pictures; ``rest`` bytes more are in its mdat."""
    ticks = TIMESCALE // fps
    tkhd = bytes(40) + UNITY + struct.pack(">2I", width << 16, height << 16)
    mdhd = bytes(12) + struct.pack(">IIHH", TIMESCALE, frames * ticks, 0, 0)
    table = box(
        b"stbl",
        box(b"stsd", bytes(8))
        + box(b"stts", struct.pack(">4I", 0, 1, frames, ticks))
        + box(b"stsz", struct.pack(">3I", 0, 1, frames)),
    )
    media = box(
        b"mdia",
        box(b"mdhd", mdhd)
        + box(b"hdlr", bytes(8) + b"vide" + bytes(13))
        + box(b"minf", table),
    )
    moov = box(b"moov", box(b"trak", box(b"tkhd", tkhd) + media))
    pattern = bytes(range(251))
    content = (pattern * (1 + (frames + rest) // 251))[: frames + rest]
    return box(b"ftyp", b"isom\0\0\2\0isommp41") + moov + box(b"mdat", content)


def of_size(size_bytes: int) -> bytes:
    """A movie of exactly so many bytes."""
    return movie(rest=size_bytes - len(movie()))
