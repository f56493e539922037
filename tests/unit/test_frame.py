# Tests of both twins of Frame.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame is immutable, knows its age, and formats its part header once."""

from __future__ import annotations

import pickle
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.camera.frame import part_header
from tests.support import jpeg
from tests.support.twins import COMPILED, FRAME_TWINS, TWINS, needs_compiled

if TYPE_CHECKING:
    from moonraker_prusacam.camera import Frame

DATA = b"\xff\xd8jpeg\xff\xd9"
FIELDS: dict[str, Any] = {
    "seq": 7,
    "width": 640,
    "height": 480,
    "has_dht": True,
    "first_ns": 1_000,
    "last_ns": 2_000,
    "wall_time": 1.5,
    "offset": 99,
}


@pytest.fixture(params=FRAME_TWINS)
def twin(request: pytest.FixtureRequest) -> type[Frame]:
    return FRAME_TWINS[request.param]


def test_fields_when_made_are_as_given(twin: type[Frame]) -> None:
    frame = twin(DATA, **FIELDS)
    assert {name: getattr(frame, name) for name in FIELDS} == FIELDS


def test_part_header_when_asked_tells_length_and_time(twin: type[Frame]) -> None:
    assert twin(DATA, **FIELDS).part_header == (
        b"Content-Type: image/jpeg\r\n"
        b"Content-Length: 8\r\n"
        b"X-Timestamp: 1.500000\r\n\r\n"
    )


@pytest.mark.parametrize("twin_name", TWINS)
def test_part_header_of_scanned_frame_is_the_same_text(twin_name: str) -> None:
    scanner = TWINS[twin_name]()
    for _ in range(500):
        (frame,) = scanner.feed(jpeg.minimal())
        header = part_header(len(frame), frame.wall_time)
        assert frame.part_header == header


def test_age_when_now_is_given_counts_from_the_last_byte(twin: type[Frame]) -> None:
    assert twin(DATA, **FIELDS).age_s(1_500_002_000) == 1.5


def test_age_without_now_uses_the_monotonic_clock(twin: type[Frame]) -> None:
    frame = twin(DATA, **{**FIELDS, "last_ns": time.monotonic_ns()})
    assert 0 <= frame.age_s() < 10


def test_frame_when_changed_raises(twin: type[Frame]) -> None:
    frame = twin(DATA, **FIELDS)
    for name in (*FIELDS, "part_header", "data", "other"):
        with pytest.raises(AttributeError):
            setattr(frame, name, 8)
        with pytest.raises(AttributeError):
            delattr(frame, name)
    assert frame.data.readonly
    with pytest.raises(TypeError):
        frame.data[0] = 0


def test_frame_when_compared_equals_only_itself_and_hides_its_bytes(
    twin: type[Frame],
) -> None:
    frame, other = twin(DATA, **FIELDS), twin(DATA, **FIELDS)
    assert frame == frame
    assert frame != other
    assert not frame == other  # noqa: SIM201
    assert len({frame, frame, other}) == 2
    assert len(frame) == 8
    assert "jpeg" not in repr(frame)
    assert "640x480" in repr(frame)


def test_data_when_used_as_bytes_is_the_jpeg(twin: type[Frame]) -> None:
    frame = twin(bytearray(DATA), **FIELDS)
    assert frame.data == DATA
    assert bytes(frame.data) == bytes(memoryview(frame)) == DATA
    assert b"".join((frame.data, frame.data)) == DATA * 2
    assert bytes(frame.data[2:6]) == b"jpeg"


def test_data_when_frame_is_forgotten_stays(twin: type[Frame]) -> None:
    data = twin(DATA, **FIELDS).data
    assert data == DATA


def test_with_data_gives_the_same_frame_with_other_bytes(twin: type[Frame]) -> None:
    frame = twin(DATA, **FIELDS)
    other = frame.with_data(DATA[:-2])
    assert other.data == DATA[:-2]
    assert {name: getattr(other, name) for name in FIELDS} == FIELDS
    assert b"Content-Length: 6" in other.part_header
    assert frame.data == DATA


@pytest.mark.parametrize("data", [None, "text", 5.0])
def test_frame_of_no_buffer_raises_type_error(twin: type[Frame], data: Any) -> None:
    with pytest.raises(TypeError):
        twin(data, **FIELDS)


@needs_compiled
def test_compiled_frame_cannot_be_had_half_made_or_remade() -> None:
    empty = COMPILED.Frame.__new__(COMPILED.Frame)
    for name in (*FIELDS, "part_header", "data"):
        with pytest.raises(ValueError, match="initialised"):
            getattr(empty, name)
    frame = COMPILED.Frame(DATA, **FIELDS)
    with pytest.raises(TypeError):
        frame.__init__(b"other", **FIELDS)
    with pytest.raises(TypeError):
        pickle.dumps(frame)
    assert frame.data == DATA


@given(st.binary(max_size=99), st.floats(0, 4e9), st.integers(0, 2**64 - 1))
def test_twins_when_given_the_same_are_the_same(
    data: bytes, wall_time: float, offset: int
) -> None:
    fields = {**FIELDS, "wall_time": wall_time, "offset": offset}
    made = [twin(data, **fields) for twin in FRAME_TWINS.values()]
    for frame in made:
        assert frame.data == data
        assert frame.part_header == made[0].part_header
        assert {name: getattr(frame, name) for name in FIELDS} == fields
