# What an MP4 says about itself.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the boxes of an MP4: whether it is whole, and which frames are shown when.

A second opinion on what ffmpeg wrote or a server sent: it costs no process and does not
trust the one that made the file. Source: ISO/IEC 14496-12.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

import attrs

from .errors import RenderError, VideoDamaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
READ = (b"tkhd", b"mdhd", b"hdlr", b"stsd", b"stts", b"stsz")
MOST_BOX_BYTES = 16 << 20
# Two days of 30 frames a second, and more.
MOST_FRAMES = 6_000_000
JPEG = "mjpeg"
QUICKTIME_JPEGS = (b"jpeg", b"mjpa", b"mjpb")
JPEG_OBJECT = 0x6C
# A fragmented video of an hour has some thousands.
MOST_BOXES = 100_000
HEAD_BYTES = 16
# What other files begin with, and what they are.
OTHERS = (
    (b"<", "a web page"),
    (b"{", "JSON"),
    (b"RIFF", "an AVI"),
    (b"\x1f\x8b", "packed by gzip"),
    (b"\xff\xd8", "a JPEG"),
)
# The first columns of the matrix, in 16.16: a, b, c, d.
ROTATIONS = {
    (1, 0, 0, 1): 0,
    (0, 1, -1, 0): 90,
    (-1, 0, 0, -1): 180,
    (0, -1, 1, 0): 270,
}
# What reading a box raises whose content is nonsense.
MALFORMED = (struct.error, ArithmeticError, LookupError, RecursionError, ValueError)


@attrs.frozen
class Track:
    """The video track of an MP4.

    ``fps`` is None where frames are not all shown for the same time; ``rotation`` is
    in degrees clockwise, None where the matrix does something else. ``headers`` are
    those of H.264: what was encoded with others does not go into the same track.
    """

    frames: int
    fps: Fraction | None
    timescale: int
    duration_s: Fraction
    width: int
    height: int
    rotation: int | None
    is_fast_start: bool
    headers: bytes


@attrs.frozen(eq=False)
class FrameTimes:
    """When frames begin, in ticks of 1/``timescale`` s, in the order of decoding.

    ``end`` is when the last one is over, ``codec`` what the pictures are; see
    ``JPEG``.
    """

    codec: str
    timescale: int
    begins: array[int]
    end: int

    def seconds(self, ticks: int) -> float:
        """The same in seconds."""
        return ticks / self.timescale

    @property
    def last_s(self) -> float:
        """When the last frame begins."""
        return self.seconds(self.begins[-1])

    def begin_of(self, time_s: float) -> float:
        """When the frame began that is shown at ``time_s``; the first one before."""
        ticks = int(max(0.0, time_s) * self.timescale)
        return self.seconds(self.begins[max(0, bisect_right(self.begins, ticks) - 1)])

    def passed(self, first: int, count: int) -> array[int]:
        """The begins of ``count`` frames from number ``first``, since the first."""
        some = self.begins[first : first + count]
        return array("Q", (begin - some[0] for begin in some))


def read_track(video: Path) -> Track:
    """The video track of ``video``; raises RenderError, and OSError."""
    with video.open("rb") as file:
        try:
            return _track(_boxes(file, 0, video.stat().st_size))
        except MALFORMED as error:
            raise RenderError(f"{video.name} is not a whole MP4") from error


def read_times(video: Path) -> FrameTimes:
    """When the frames of ``video`` are shown; raises RenderError, and OSError."""
    with video.open("rb") as file:
        try:
            return _frame_times(_found(_boxes(file, 0, video.stat().st_size))[0])
        except MALFORMED as error:
            raise RenderError(f"{video.name} is not a whole MP4") from error


def check_whole(video: Path) -> None:
    """Raise VideoDamaged unless ``video`` is an MP4 whose boxes add up; and OSError."""
    size = video.stat().st_size
    with video.open("rb") as file:
        if what := told_by_head(file.read(HEAD_BYTES)):
            raise VideoDamaged(what)
        kinds = set(_outer(file, size))
        if missing := {b"moov", b"mdat"} - kinds:
            names = " and ".join(sorted(kind.decode() for kind in missing))
            raise VideoDamaged(f"the MP4 has no {names}: it was not finished")
        try:
            for number, _ in enumerate(_boxes(file, 0, size)):
                if number > MOST_BOXES:
                    raise ValueError("so many boxes")
        except MALFORMED as error:
            raise VideoDamaged("the lengths in the MP4 do not add up") from error


def told_by_head(head: bytes) -> str:
    """What is wrong with a file that begins so, in words; "" for an MP4, or nothing."""
    for mark, what in OTHERS:
        if head.lstrip().startswith(mark):
            return f"what came is {what}, not an MP4"
    if len(head) >= 8 and head[4:8] != b"ftyp":
        return "what came is no MP4: it does not begin with ftyp"
    return ""


def _outer(file: BinaryIO, end: int) -> Iterator[bytes]:
    """The kinds of the outermost boxes; raises VideoDamaged."""
    begin = 0
    for _ in range(MOST_BOXES):
        if begin == end and begin:
            return
        file.seek(begin)
        head = file.read(16)
        if len(head) < 8:
            raise VideoDamaged("the MP4 is cut off")
        size, kind = struct.unpack_from(">I4s", head)
        if size == 1 and len(head) == 16:
            (size,) = struct.unpack_from(">Q", head, 8)
        size = size or end - begin
        if size < 8:
            raise VideoDamaged("the lengths in the MP4 do not add up")
        if begin + size > end:
            part = f"{end - begin} of {size} bytes of a part are there"
            raise VideoDamaged(f"the MP4 is cut off: {part}")
        yield kind
        begin += size
    raise VideoDamaged(f"the MP4 has more than {MOST_BOXES} boxes")


def _track(boxes: Iterable[tuple[bytes, bytes]]) -> Track:
    found, first = _found(boxes)
    (samples,) = struct.unpack_from(">I", found[b"stsz"], 8)
    (timescale,) = struct.unpack_from(">I", *_times(found[b"mdhd"]))
    durations = _durations(found[b"stts"])
    ticks = sum(count * each for count, each in durations)
    matrix, width, height = _geometry(found[b"tkhd"])
    return Track(
        frames=samples,
        fps=Fraction(timescale, durations[0][1]) if len(durations) == 1 else None,
        timescale=timescale,
        duration_s=Fraction(ticks, timescale),
        width=width,
        height=height,
        rotation=ROTATIONS.get(matrix),
        is_fast_start=first == b"moov",
        headers=_headers(found.get(b"stsd", b"")),
    )


def _found(boxes: Iterable[tuple[bytes, bytes]]) -> tuple[dict[bytes, bytes], bytes]:
    """The boxes of the video track, and which of moov and mdat comes first."""
    first = b""
    found: dict[bytes, bytes] = {}
    for kind, payload in boxes:
        if kind in (b"moov", b"mdat"):
            first = first or kind
        if kind == b"trak" and found.get(b"hdlr", b"")[8:12] != b"vide":
            found = {}
        found.setdefault(kind, payload)
    return found, first


def _frame_times(found: dict[bytes, bytes]) -> FrameTimes:
    (samples,) = struct.unpack_from(">I", found[b"stsz"], 8)
    (timescale,) = struct.unpack_from(">I", *_times(found[b"mdhd"]))
    runs = _durations(found[b"stts"])
    if not timescale or samples > MOST_FRAMES or samples != sum(n for n, _ in runs):
        raise ValueError("the tables contradict each other")
    begins, end = array("Q"), 0
    for count, ticks in runs:
        begins.extend(
            range(end, end + count * ticks, ticks) if ticks else [end] * count
        )
        end += count * ticks
    return FrameTimes(_codec(found[b"stsd"]), timescale, begins, end)


def _codec(stsd: bytes) -> str:
    """What ffmpeg would call it for JPEGs, else the four letters of the entry."""
    kind = stsd[12:16]
    at = stsd.find(b"esds")
    is_jpeg = kind == b"mp4v" and at > 0 and _object_type(stsd[at + 8 :]) == JPEG_OBJECT
    if is_jpeg or kind in QUICKTIME_JPEGS:
        return JPEG
    return kind.decode("latin-1")


def _object_type(descriptor: bytes) -> int:
    """The object type in an ES descriptor (ISO/IEC 14496-1); -1 where it has none."""
    position, skipped = 0, {3: 3, 4: 0}
    while position < len(descriptor):
        tag = descriptor[position]
        position += 1
        while descriptor[position] & 0x80:
            position += 1
        position += 1
        if tag == 4:
            return descriptor[position]
        if tag not in skipped:
            return -1
        position += skipped[tag]
    return -1


def _boxes(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Each box in its order: its kind, and the payload where it is one we read."""
    while begin < end:
        file.seek(begin)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            header = 16
        size = size or end - begin
        if size < header or begin + size > end:
            raise ValueError(f"a box of {size} bytes")
        if kind in READ and size <= MOST_BOX_BYTES:
            yield kind, file.read(size - header)
        else:
            yield kind, b""
        if kind in CONTAINERS:
            yield from _boxes(file, begin + header, begin + size)
        begin += size


def _times(mdhd: bytes) -> tuple[bytes, int]:
    """Where the timescale is; the times before it are longer in version 1."""
    return mdhd, 20 if mdhd[0] == 1 else 12


def _durations(stts: bytes) -> list[tuple[int, int]]:
    (entries,) = struct.unpack_from(">I", stts, 4)
    table = struct.unpack_from(f">{2 * entries}I", stts, 8)
    runs: list[tuple[int, int]] = []
    for count, each in zip(table[::2], table[1::2], strict=True):
        if runs and runs[-1][1] == each:
            runs[-1] = runs[-1][0] + count, each
        else:
            runs.append((count, each))
    if not runs:
        raise ValueError("no frames")
    return runs


def _headers(stsd: bytes) -> bytes:
    """The content of the avcC box; ISO/IEC 14496-15."""
    begin = stsd.find(b"avcC")
    if begin < 4:
        return b""
    (size,) = struct.unpack_from(">I", stsd, begin - 4)
    return stsd[begin + 4 : begin - 4 + size]


def _geometry(tkhd: bytes) -> tuple[tuple[int, int, int, int], int, int]:
    offset = 52 if tkhd[0] == 1 else 40
    a, b, _, c, d = struct.unpack_from(">5i", tkhd, offset)
    width, height = struct.unpack_from(">2I", tkhd, offset + 36)
    return (a >> 16, b >> 16, c >> 16, d >> 16), width >> 16, height >> 16
