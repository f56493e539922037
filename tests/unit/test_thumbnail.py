# Tests of taking thumbnails out of frames.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames with pictures in their metadata, good frames, and odd ones."""

from __future__ import annotations

import pytest

from moonraker_prusacam.web.thumbnail import without_thumbnails
from tests.support import jpeg

PICTURE = jpeg.picture(64, 48)
THUMBNAIL = jpeg.picture(16, 12)


def with_segments(*segments: bytes, fill: int = 0) -> bytes:
    """PICTURE with more segments behind SOI."""
    filled = [b"\xff" * fill + segment for segment in segments]
    return jpeg.SOI + b"".join(filled) + PICTURE[2:]


@pytest.mark.parametrize("fill", [0, 1, 3])
@pytest.mark.parametrize("code", [0xE0, 0xE1, 0xE2, 0xED, 0xFE])
@pytest.mark.parametrize(
    "payload",
    [THUMBNAIL, b"x" + jpeg.SOI, jpeg.EOI + b"x", b"\xff" * 5 + b"\xd9", jpeg.SOI],
    ids=["thumbnail", "SOI", "EOI", "filled EOI", "only SOI"],
)
def test_metadata_when_it_holds_a_marker_of_an_image_then_it_goes(
    payload: bytes, code: int, fill: int
) -> None:
    note = jpeg.segment(0xFE, b"a note")
    odd = with_segments(note, jpeg.segment(code, payload), note, fill=fill)
    clean = without_thumbnails(odd)
    assert payload not in clean[2:]
    assert clean.count(note) == 2
    assert jpeg.SOI not in clean[2:]
    assert clean.find(jpeg.EOI) == len(clean) - 2
    assert jpeg.pixels(clean) == jpeg.pixels(PICTURE)


def test_metadata_when_its_length_reads_like_a_marker_then_it_goes() -> None:
    odd = with_segments(jpeg.segment(0xE1, b"x" * (0xFFD8 - 2)))
    assert without_thumbnails(odd) == PICTURE


@pytest.mark.parametrize(
    "frame",
    [
        PICTURE,
        jpeg.picture(64, 48, progressive=True),
        jpeg.with_fill(PICTURE, 3),
        jpeg.minimal(),
        with_segments(jpeg.segment(0xE1, b"Exif\0\0no thumbnail")),
        with_segments(jpeg.segment(0xFE, b"\xff\x00 \xff\xda \xd8 \xff")),
        jpeg.SOI + b"\xff\x01" + PICTURE[2:],
        *jpeg.webcam_frames(),
    ],
)
def test_frame_when_it_has_no_thumbnail_then_it_is_not_even_copied(
    frame: bytes,
) -> None:
    assert without_thumbnails(frame) is frame


def test_frame_when_it_is_cut_anywhere_then_nothing_is_raised() -> None:
    odd = with_segments(jpeg.segment(0xE1, THUMBNAIL))
    for end in range(len(odd)):
        assert len(without_thumbnails(odd[:end])) <= end
