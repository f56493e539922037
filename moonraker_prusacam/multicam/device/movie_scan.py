# What is left of a video after a crash.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the whole fragments of a file that ``Movie`` had begun.

A power cut may leave the last fragment cut off, or with zeros in place of its pictures.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import VideoDamaged

from . import movie_boxes as boxes

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_HEAD_BYTES = 64 << 10
MAX_MOOF_BYTES = 1 << 20
SOI, EOI = b"\xff\xd8", b"\xff\xd9"
# Where the samples of a trun begin in a moof of ours, behind all that has a fixed size.
TRUN_AT = 8 + 16 + 8 + 16 + 20
SAMPLES_AT = TRUN_AT + 20


@attrs.frozen
class Scanned:
    """What is whole: everything before ``end``."""

    width: int
    height: int
    created_s: float
    table: boxes.SampleTable
    end: int
    is_finished: bool


def scan(descriptor: int) -> Scanned:
    """What a file of ours holds; raises VideoDamaged where it is none, and OSError."""
    total = os.fstat(descriptor).st_size
    place = boxes.place_offset()
    head = os.pread(descriptor, MAX_HEAD_BYTES, 0)
    size, kind = _head(head, place)
    (moov_size, moov_kind) = _head(head, place + boxes.PLACE_BYTES)
    moov = head[place + boxes.PLACE_BYTES :][:moov_size]
    if head[4:8] != b"ftyp" or moov_kind != b"moov" or len(moov) != moov_size:
        raise VideoDamaged("the recording has no head")
    created_s, width, height = _told_by(moov)
    begin = place + boxes.PLACE_BYTES + moov_size
    table = boxes.SampleTable()
    if kind == b"mdat" and size == 1:
        return Scanned(width, height, created_s, table, total, is_finished=True)
    end, last = begin, begin
    while (fragment := _fragment(descriptor, end, total)) is not None:
        data, sizes, durations = fragment
        table.add(data, sizes, durations)
        last, end = end, data + sum(sizes)
    # Only the last one can be there in length and not in content.
    if table.chunk_offsets and not _is_shown(descriptor, table):
        _drop_last(table)
        end = last
    return Scanned(width, height, created_s, table, end, is_finished=False)


def _head(data: bytes, begin: int) -> tuple[int, bytes]:
    if len(data) < begin + 8:
        return 0, b""
    size, kind = struct.unpack_from(">I4s", data, begin)
    return int(size), bytes(kind)


def _told_by(moov: bytes) -> tuple[float, int, int]:
    """Time of creation, width and height, by the fixed layout of ``movie_boxes``."""
    tkhd = moov.find(b"tkhd")
    if tkhd < 0 or moov[12:16] != b"mvhd" or len(moov) < tkhd + 100:
        raise VideoDamaged("the head of the recording is not ours")
    (created,) = struct.unpack_from(">Q", moov, 20)
    width, height = struct.unpack_from(">II", moov, tkhd + 92)
    return float(created - boxes.EPOCH_1904_S), width >> 16, height >> 16


def _fragment(
    descriptor: int, begin: int, total: int
) -> tuple[int, Sequence[int], Sequence[int]] | None:
    """Where its samples begin, their sizes and durations; None where none is whole."""
    size, kind = _head(os.pread(descriptor, 8, begin), 0)
    if kind != b"moof" or not SAMPLES_AT <= size <= MAX_MOOF_BYTES:
        return None
    moof = os.pread(descriptor, size + 8, begin)
    mdat_size, mdat_kind = _head(moof, size)
    if mdat_kind != b"mdat" or begin + size + mdat_size > total:
        return None
    (count,) = struct.unpack_from(">I", moof, TRUN_AT + 12)
    if moof[TRUN_AT + 4 : TRUN_AT + 8] != b"trun" or size != SAMPLES_AT + 8 * count:
        return None
    numbers = struct.unpack_from(f">{2 * count}I", moof, SAMPLES_AT)
    durations, sizes = numbers[::2], numbers[1::2]
    if not count or 8 + sum(sizes) != mdat_size:
        return None
    return begin + size + 8, sizes, durations


def _is_shown(descriptor: int, table: boxes.SampleTable) -> bool:
    """Whether the last fragment's samples begin and end as JPEGs do."""
    begin = table.chunk_offsets[-1]
    for size in table.sizes[-table.chunk_samples[-1] :]:
        if os.pread(descriptor, 2, begin) != SOI:
            return False
        begin += size
        if os.pread(descriptor, 2, begin - 2) != EOI:
            return False
    return True


def _drop_last(table: boxes.SampleTable) -> None:
    count = table.chunk_samples.pop()
    table.chunk_offsets.pop()
    del table.sizes[-count:]
    del table.durations[-count:]
