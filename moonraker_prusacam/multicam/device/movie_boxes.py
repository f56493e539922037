# The boxes of a video whose pictures are JPEGs.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An MP4 of JPEGs as octets: its head, its fragments, its table of contents.

Sources: ISO/IEC 14496-12 (boxes), 14496-1 (the descriptor in ``esds``; its object type
0x6C is JPEG) and 14496-14 (``mp4v``).
"""

from __future__ import annotations

import struct
from array import array
from itertools import groupby
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TIMESCALE = 90_000
TRACK = 1
# Seconds from 1904, where the times of an MP4 begin, to 1970.
EPOCH_1904_S = 2_082_844_800
UNITY = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
UNDETERMINED = 0x55C4  # the language, "und"
JPEG_OBJECT = 0x6C
VISUAL_STREAM = 0x11  # stream type 4 in the upper six bits, and a reserved 1
DPI_72 = 0x480000
IS_SYNC = 0x02000000
BASE_IS_MOOF = 0x020000
# trun: data offset, and for each sample its duration and its size.
TRUN_FLAGS = 0x000301
FTYP_BRANDS = b"isom\0\0\2\0isomiso5iso6mp41"
PLACE_BYTES = 16


@attrs.define
class SampleTable:
    """What a table of contents has to know of the samples; 8 octets for each."""

    sizes: array[int] = attrs.Factory(lambda: array("I"))
    durations: array[int] = attrs.Factory(lambda: array("I"))
    chunk_offsets: array[int] = attrs.Factory(lambda: array("Q"))
    chunk_samples: array[int] = attrs.Factory(lambda: array("I"))

    def add(self, offset: int, sizes: Sequence[int], durations: Sequence[int]) -> None:
        """A run of samples that lie one behind the other from ``offset``."""
        self.sizes.extend(sizes)
        self.durations.extend(durations)
        self.chunk_offsets.append(offset)
        self.chunk_samples.append(len(sizes))

    @property
    def ticks(self) -> int:
        """How long all of them take, in 1/TIMESCALE s."""
        return sum(self.durations)


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box with ``parts`` in it."""
    return struct.pack(">I4s", 8 + sum(map(len, parts)), kind) + b"".join(parts)


def full_box(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box that says its version."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def head(width: int, height: int, created_s: float) -> bytes:
    """What stands before the first fragment.

    16 octets from ``place_offset()`` are a free box, for ``wide_mdat`` at the end.
    """
    mvex = box(b"mvex", full_box(b"trex", struct.pack(">5I", TRACK, 1, 0, 0, IS_SYNC)))
    empty = SampleTable()
    moov = box(b"moov", *_movie(empty, width, height, created_s), mvex)
    return box(b"ftyp", FTYP_BRANDS) + box(b"free", bytes(8)) + moov


def place_offset() -> int:
    """Where the free box of ``head`` is."""
    return 8 + len(FTYP_BRANDS)


def wide_mdat(size_bytes: int) -> bytes:
    """The head of an mdat of so many octets, head included; PLACE_BYTES long."""
    return struct.pack(">I4sQ", 1, b"mdat", size_bytes)


def fragment_head(
    number: int, ticks_before: int, sizes: Sequence[int], durations: Sequence[int]
) -> bytes:
    """All of a fragment but its samples, which follow at once."""
    offset = len(_moof(number, ticks_before, sizes, durations, 0)) + 8
    moof = _moof(number, ticks_before, sizes, durations, offset)
    return moof + struct.pack(">I4s", 8 + sum(sizes), b"mdat")


def contents(table: SampleTable, width: int, height: int, created_s: float) -> bytes:
    """The moov of a whole file with these samples."""
    return box(b"moov", *_movie(table, width, height, created_s))


def _moof(
    number: int,
    ticks_before: int,
    sizes: Sequence[int],
    durations: Sequence[int],
    data_offset: int,
) -> bytes:
    samples = array("I")
    for duration, size in zip(durations, sizes, strict=True):
        samples.extend((duration, size))
    return box(
        b"moof",
        full_box(b"mfhd", struct.pack(">I", number)),
        box(
            b"traf",
            full_box(b"tfhd", struct.pack(">I", TRACK), flags=BASE_IS_MOOF),
            full_box(b"tfdt", struct.pack(">Q", ticks_before), version=1),
            full_box(
                b"trun",
                struct.pack(">Ii", len(sizes), data_offset),
                _big_endian(samples),
                flags=TRUN_FLAGS,
            ),
        ),
    )


def _movie(
    table: SampleTable, width: int, height: int, created_s: float
) -> tuple[bytes, bytes]:
    """What a moov has in it: the boxes mvhd and trak."""
    ticks, created = table.ticks, int(created_s) + EPOCH_1904_S
    times = struct.pack(">2Q", created, created)
    mvhd = full_box(
        b"mvhd",
        times,
        struct.pack(">IQIH", TIMESCALE, ticks, 1 << 16, 1 << 8),
        bytes(10),
        UNITY,
        bytes(24),
        struct.pack(">I", TRACK + 1),
        version=1,
    )
    tkhd = full_box(
        b"tkhd",
        times,
        struct.pack(">IIQ", TRACK, 0, ticks),
        bytes(16),
        UNITY,
        struct.pack(">2I", width << 16, height << 16),
        version=1,
        flags=3,
    )
    mdhd = full_box(
        b"mdhd",
        times,
        struct.pack(">IQHH", TIMESCALE, ticks, UNDETERMINED, 0),
        version=1,
    )
    hdlr = full_box(b"hdlr", bytes(4), b"vide", bytes(12), b"video\0")
    where = full_box(b"dref", struct.pack(">I", 1), full_box(b"url ", flags=1))
    minf = box(
        b"minf",
        full_box(b"vmhd", bytes(8), flags=1),
        box(b"dinf", where),
        box(b"stbl", *_sample_boxes(table, width, height)),
    )
    return mvhd, box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, minf))


def _sample_boxes(table: SampleTable, width: int, height: int) -> Iterable[bytes]:
    """The boxes of stbl. Without an stss every sample is a sync sample."""
    entry = box(
        b"mp4v",
        bytes(6),
        struct.pack(">H16xHHIIIH", 1, width, height, DPI_72, DPI_72, 0, 1),
        bytes(32),
        struct.pack(">Hh", 24, -1),
        _esds(),
    )
    yield full_box(b"stsd", struct.pack(">I", 1), entry)
    runs = array("I")
    for duration, same in groupby(table.durations):
        runs.extend((sum(1 for _ in same), duration))
    yield full_box(b"stts", struct.pack(">I", len(runs) // 2), _big_endian(runs))
    chunks, before = array("I"), 0
    for number, samples in enumerate(table.chunk_samples, 1):
        if samples != before:
            chunks.extend((number, samples, 1))
            before = samples
    yield full_box(b"stsc", struct.pack(">I", len(chunks) // 3), _big_endian(chunks))
    sizes = table.sizes
    yield full_box(b"stsz", struct.pack(">II", 0, len(sizes)), _big_endian(sizes))
    offsets = table.chunk_offsets
    yield full_box(b"co64", struct.pack(">I", len(offsets)), _big_endian(offsets))


def _esds() -> bytes:
    config = struct.pack(">BB3xII", JPEG_OBJECT, VISUAL_STREAM, 0, 0)
    decoder = _descriptor(0x04, config)
    rules = _descriptor(0x06, b"\x02")
    return full_box(
        b"esds", _descriptor(0x03, struct.pack(">HB", TRACK, 0), decoder, rules)
    )


def _descriptor(tag: int, *parts: bytes) -> bytes:
    """A descriptor of 14496-1, short enough for a length of one octet."""
    return bytes((tag, sum(map(len, parts)))) + b"".join(parts)


def _big_endian(numbers: array[int]) -> bytes:
    swapped = array(numbers.typecode, numbers)
    if struct.pack("=H", 1) == b"\1\0":
        swapped.byteswap()
    return swapped.tobytes()
