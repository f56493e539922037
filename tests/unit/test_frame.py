# Tests of Frame.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame is immutable, knows its age, and formats its part header once."""

from __future__ import annotations

import time

import attrs
import pytest

from moonraker_prusacam.camera import Frame


def make_frame(last_ns: int = 2_000) -> Frame:
    return Frame(
        data=b"\xff\xd8jpeg\xff\xd9",
        seq=7,
        width=640,
        height=480,
        has_dht=True,
        first_ns=1_000,
        last_ns=last_ns,
        wall_time=1.5,
    )


def test_part_header_when_asked_twice_is_the_same_object() -> None:
    frame = make_frame()
    assert frame.part_header == (
        b"Content-Type: image/jpeg\r\n"
        b"Content-Length: 8\r\n"
        b"X-Timestamp: 1.500000\r\n\r\n"
    )
    assert frame.part_header is frame.part_header


def test_age_when_now_is_given_counts_from_the_last_byte() -> None:
    assert make_frame().age_s(1_500_002_000) == 1.5


def test_age_without_now_uses_the_monotonic_clock() -> None:
    frame = make_frame(last_ns=time.monotonic_ns())
    assert 0 <= frame.age_s() < 10


def test_frame_when_changed_raises() -> None:
    frame = make_frame()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        frame.seq = 8  # type: ignore[misc]
    assert not hasattr(frame, "__dict__")


def test_frame_when_compared_equals_only_itself_and_hides_its_bytes() -> None:
    frame = make_frame()
    assert frame == frame
    assert frame != make_frame()
    assert len({frame, frame}) == 1
    assert len(frame) == 8
    assert "jpeg" not in repr(frame)
