# Tests of the reader of MP4s.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole files pass, and of all others it is told what they are or lack."""

from __future__ import annotations

import contextlib
import random
import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.errors import PrusacamError, RenderError, VideoDamaged
from moonraker_prusacam.mp4 import MOST_BOXES, check_whole, read_times, read_track
from tests.support.mp4 import box, movie, of_size

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = movie(frames=7, fps=25)
FTYP = box(b"ftyp", b"isom")


def check(folder: Path, content: bytes) -> None:
    video = folder / "video.mp4"
    video.write_bytes(content)
    check_whole(video)


def test_movie_when_whole_then_it_passes_and_tells_its_frames(tmp_path: Path) -> None:
    check(tmp_path, WHOLE)
    track = read_track(tmp_path / "video.mp4")
    assert (track.frames, track.fps, track.width) == (7, Fraction(25), 64)


@pytest.mark.parametrize("size_bytes", [1_000, 65_536, 1_000_003])
def test_movie_when_asked_for_a_size_then_it_has_that_and_is_whole(
    tmp_path: Path, size_bytes: int
) -> None:
    content = of_size(size_bytes)
    assert len(content) == size_bytes
    check(tmp_path, content)


def test_movie_when_cut_anywhere_then_it_is_told(tmp_path: Path) -> None:
    for size in range(len(WHOLE)):
        with pytest.raises(VideoDamaged):
            check(tmp_path, WHOLE[:size])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><html></html>", "a web page, not an MP4"),
        (b"\n\n  <html>", "a web page"),
        (b'{"code": "NOT_FOUND"}', "JSON"),
        (b"RIFF\0\0\0\0AVI LIST", "an AVI"),
        (b"\x1f\x8b\x08" + bytes(20), "gzip"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "a JPEG"),
        (b"", "is cut off"),
        (b"\0\0", "is cut off"),
        (bytes(64), "does not begin with ftyp"),
        (box(b"moov") + box(b"mdat"), "does not begin with ftyp"),
        (FTYP + box(b"mdat"), "has no moov"),
        (FTYP + box(b"moov"), "has no mdat"),
        (FTYP, "has no mdat and moov"),
        (FTYP + struct.pack(">I4s", 7, b"moov"), "do not add up"),
        (FTYP + struct.pack(">I4s", 80, b"mdat"), "8 of 80 bytes"),
        (FTYP + struct.pack(">I4sQ", 1, b"mdat", 1 << 40), "16 of 1099511627776"),
        (FTYP + struct.pack(">I4sQ", 1, b"mdat", 3), "do not add up"),
        (FTYP + box(b"moov", b"\0\0\0\5abcd") + box(b"mdat"), "do not add up"),
        (FTYP + box(b"moov", box(b"trak", b"\0\0\0\x50abcd")), "has no mdat"),
        (
            FTYP + box(b"moov", box(b"trak", b"\0\0\0\x50abcd")) + box(b"mdat"),
            "do not add up",
        ),
        (FTYP + box(b"free") * (MOST_BOXES + 1), "more than 100000 boxes"),
        (
            FTYP + box(b"moov", box(b"free") * (MOST_BOXES + 1)) + box(b"mdat"),
            "do not add up",
        ),
    ],
)
def test_other_content_when_checked_then_told_what_it_is(
    tmp_path: Path, content: bytes, words: str
) -> None:
    with pytest.raises(VideoDamaged, match=words):
        check(tmp_path, content)


def test_boxes_when_nested_without_end_then_an_error_and_no_crash(
    tmp_path: Path,
) -> None:
    nested = b""
    for _ in range(3000):
        nested = box(b"trak", nested)
    content = FTYP + box(b"moov", nested) + box(b"mdat")
    with pytest.raises(VideoDamaged):
        check(tmp_path, content)
    with pytest.raises(RenderError):
        read_track(tmp_path / "video.mp4")


def test_movie_when_octets_are_changed_then_never_another_error(
    tmp_path: Path,
) -> None:
    chance = random.Random(7)
    video = tmp_path / "video.mp4"
    for _ in range(400):
        spoilt = bytearray(WHOLE)
        for _ in range(chance.randrange(1, 6)):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        video.write_bytes(spoilt)
        for read in (check_whole, read_track, read_times):
            with contextlib.suppress(PrusacamError):
                read(video)


def test_times_when_read_then_each_frame_has_its_begin(tmp_path: Path) -> None:
    video = tmp_path / "video.mp4"
    video.write_bytes(movie(frames=10, fps=10))
    times = read_times(video)
    assert list(times.begins) == [100 * number for number in range(10)]
    assert (times.end, times.last_s) == (1000, 0.9)
    assert [times.begin_of(at_s) for at_s in (-1, 0, 0.1, 0.25, 5)] == [
        *(0.0, 0.0, 0.1, 0.2, 0.9)
    ]
    assert list(times.passed(3, 2)) == [0, 100]


def test_times_when_more_frames_are_told_than_a_host_bears_then_refused(
    tmp_path: Path,
) -> None:
    video = tmp_path / "video.mp4"
    video.write_bytes(movie(frames=8_000_000, fps=1000, rest=64 - 8_000_000))
    with pytest.raises(RenderError):
        read_times(video)
