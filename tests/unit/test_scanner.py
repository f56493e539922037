# Tests of both twins of the frame scanner.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scanner delivers every whole image and nothing else, whatever the reads."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonraker_prusacam.camera import _scanner_py, scanner
from moonraker_prusacam.camera.huffman import STANDARD_DHT
from tests.support import jpeg
from tests.support.jpeg_streams import CASES, Case
from tests.support.twins import (
    COMPILED,
    TWINS,
    WAYS,
    feed_all,
    needs_compiled,
    receive,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.camera import Frame, Scanner

DROPS = ("truncated", "oversize", "malformed", "secondary", "without_dht", "starved")
FIELDS = ("seq", "offset", "width", "height", "has_dht", "first_ns", "last_ns")
READS = ("whole", 1, 3, 7, 4096, "random")
OPTIONS = ("insert_dht", "strip_app", "strip_thumbnails")
PICTURE = jpeg.picture(64, 48)
THUMBNAIL = jpeg.picture(16, 12)


def is_set(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


@pytest.fixture(params=TWINS)
def twin(request: pytest.FixtureRequest) -> type[Scanner]:
    return TWINS[request.param]


def assert_balanced(scanner: Scanner, fed_bytes: int) -> None:
    stats = scanner.stats
    assert stats.bytes_in == fed_bytes
    assert fed_bytes == (
        stats.frame_bytes
        + stats.dropped_bytes
        + stats.junk_bytes
        + scanner.pending_bytes
    )


def outcome(scanner: Scanner, frames: list[Frame]) -> tuple[Any, ...]:
    """All that must not depend on the twin; the wall clock does."""
    fields = [[getattr(frame, name) for name in FIELDS] for frame in frames]
    data = [bytes(frame.data) for frame in frames]
    return data, fields, scanner.stats, scanner.pending_bytes


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reads", READS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_corpus_stream_when_read_gives_its_frames_and_counts(
    twin: type[Scanner], case: Case, reads: int | str, way: str
) -> None:
    scanner = twin(**case.options)
    frames = WAYS[way](scanner, jpeg.reads_of(case.stream, reads))
    assert [frame.data for frame in frames] == list(case.frames)
    assert [frame.seq for frame in frames] == [*range(1, len(frames) + 1)]
    for frame in frames:
        assert case.stream.startswith(frame.data, frame.offset)
    stats = scanner.stats
    assert {name: getattr(stats, name) for name in DROPS} == {
        **dict.fromkeys(DROPS, 0),
        **case.drops,
    }
    assert stats.frames == len(case.frames)
    assert stats.frame_bytes == sum(map(len, case.frames))
    assert stats.junk_bytes == case.junk_bytes
    assert scanner.pending_bytes == case.pending_bytes
    assert_balanced(scanner, len(case.stream))


@st.composite
def splits(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    """Any way to cut `stream` into reads, empty ones included."""
    cut = st.integers(0, len(stream))
    cuts = sorted(draw(st.lists(cut, max_size=12)))
    return [stream[a:b] for a, b in itertools.pairwise([0, *cuts, len(stream)])]


def read_index(reads: list[bytes], offset: int) -> int:
    """Which non-empty read holds the byte at `offset`, from 1."""
    ends = itertools.accumulate(len(read) for read in reads if read)
    return next(index for index, end in enumerate(ends, 1) if offset < end)


@settings(max_examples=200)
@given(st.data())
def test_feed_of_any_split_gives_same_frames_and_true_times(
    data: st.DataObject,
) -> None:
    case = data.draw(st.sampled_from(CASES))
    reference = _scanner_py.Scanner(**case.options).feed(case.stream)
    whole = {bytes(frame.data) for frame in reference}
    reads = data.draw(splits(case.stream))
    outcomes = []
    for twin in TWINS.values():
        scanner = twin(**case.options, clock=itertools.count(1).__next__)
        frames = feed_all(scanner, reads)
        assert {bytes(frame.data) for frame in frames} == whole
        outcomes.append(outcome(scanner, frames))
        position = 0
        for frame in frames:
            begin = case.stream.index(frame.data, position)
            assert frame.offset == begin
            position = begin + len(frame)
            assert frame.first_ns == read_index(reads, begin)
            assert frame.last_ns == read_index(reads, position - 1)
    assert all(other == outcomes[0] for other in outcomes)


TOKENS = [
    *(bytes([0xFF, code]) for code in (0, 1, 0xC0, 0xC4, 0xD0, 0xDC, 0xE1, 0xFF)),
    *(jpeg.SOI, jpeg.SOI, jpeg.SOI + b"\xff", jpeg.EOI, jpeg.EOI, jpeg.DHT),
    *(jpeg.sof(8, 8), jpeg.sof(0, 8), jpeg.sof(8, 0), jpeg.sof(16, 8, code=0xC2)),
    *(jpeg.scan(), jpeg.scan(b""), jpeg.segment(0xDC, b"\0\x09"), jpeg.minimal()),
    *(jpeg.minimal(16, 16), b"\xff\xd8\xff\xc0\0\x0b", b"\0", b"\xff", b"\0\x04"),
]
hostile = st.lists(st.sampled_from(TOKENS) | st.binary(max_size=6), max_size=40).map(
    b"".join
)


@settings(max_examples=400)
@given(st.data())
def test_feed_of_arbitrary_bytes_never_raises_and_twins_agree(
    data: st.DataObject,
) -> None:
    stream = data.draw(hostile | st.binary(max_size=300))
    max_frame_bytes = data.draw(st.integers(1, 80) | st.just(8 << 20))
    options = {name: data.draw(st.booleans()) for name in OPTIONS}
    split = data.draw(splits(stream))
    outcomes = []
    for twin in TWINS.values():
        for reads, way in itertools.product(
            (split, jpeg.reads_of(stream, 1)), WAYS.values()
        ):
            scanner = twin(max_frame_bytes, **options, clock=lambda: 0)
            outcomes.append(outcome(scanner, way(scanner, reads)))
            assert_balanced(scanner, len(stream))
            assert scanner.pending_bytes <= max(2, max_frame_bytes)
    assert all(other == outcomes[0] for other in outcomes)


hints = st.integers(-1, 9) | st.integers(10, 4000)
steps = st.lists(
    st.tuples(st.just("feed"), st.integers(0, 3000))
    | st.tuples(st.just("receive"), hints)
    | st.tuples(st.just("look"), hints)
    | st.just(("reset", 0)),
    max_size=40,
)


@settings(max_examples=300)
@given(st.data())
def test_any_mix_of_feed_and_advance_then_twins_agree_on_frames_and_buffers(
    data: st.DataObject,
) -> None:
    case = data.draw(st.sampled_from(CASES))
    stream = case.stream * data.draw(st.integers(1, 3))
    taken = data.draw(steps)
    outcomes = []
    for twin in TWINS.values():
        scanner = twin(**case.options, clock=itertools.count(1).__next__)
        frames: list[Frame] = []
        rooms = []
        position = 0
        for step, number in taken:
            if step == "feed":
                frames += scanner.feed(stream[position : position + number])
                position = min(position + number, len(stream))
            elif step == "receive":
                count, completed = receive(scanner, stream[position:], number)
                frames += completed
                position += count
            elif step == "look":
                rooms.append(len(scanner.get_buffer(number)))
            else:
                scanner.reset()
        assert_balanced(scanner, position)
        outcomes.append((rooms, outcome(scanner, frames)))
    assert all(other == outcomes[0] for other in outcomes)


def test_frame_of_real_image_carries_its_size_and_tables(twin: type[Scanner]) -> None:
    (frame,) = twin().feed(jpeg.picture(40, 24, progressive=True))
    assert (frame.width, frame.height, frame.has_dht) == (40, 24, True)


def test_frame_when_read_has_wall_time_and_monotonic_times(twin: type[Scanner]) -> None:
    before_ns, before = time.monotonic_ns(), time.time()
    (frame,) = twin().feed(jpeg.minimal())
    assert before_ns <= frame.first_ns == frame.last_ns <= time.monotonic_ns()
    assert before <= frame.wall_time <= time.time()


TIMED_STREAMS = {
    "whole": jpeg.minimal() + jpeg.minimal(16, 16),
    "junk": b"xx\xff\xff" + jpeg.minimal() + b"\xff",
    "truncated": jpeg.minimal()[:-2] + jpeg.minimal(16, 16),
}


@pytest.mark.parametrize("kind", TIMED_STREAMS)
def test_frame_wherever_two_reads_meet_has_the_times_of_its_ends(
    twin: type[Scanner], kind: str
) -> None:
    stream = TIMED_STREAMS[kind]
    for first, second in itertools.combinations(range(1, len(stream)), 2):
        reads = [stream[:first], stream[first:second], stream[second:]]
        scanner = twin(clock=itertools.count(1).__next__)
        for frame in feed_all(scanner, reads):
            begin = stream.index(frame.data)
            assert frame.offset == begin
            assert frame.first_ns == read_index(reads, begin)
            assert frame.last_ns == read_index(reads, begin + len(frame) - 1)


def test_frames_of_large_read_after_a_cut_one_have_its_time(
    twin: type[Scanner],
) -> None:
    image = jpeg.minimal(entropy=bytes(30_000))
    scanner = twin(clock=itertools.count(1).__next__)
    frames = feed_all(
        scanner, [image[:-5_000], image[-5_000:] + jpeg.minimal() * 5_000]
    )
    assert [frame.first_ns for frame in frames] == [1] + [2] * 5_000


def test_insert_dht_when_tables_are_missing_makes_the_image_decodable(
    twin: type[Scanner],
) -> None:
    original = jpeg.picture(64, 48)
    bare = jpeg.without_dht(original)
    scanner = twin(insert_dht=True)
    first, second = feed_all(scanner, [bare + original])
    assert len(first) == len(bare) + 420
    assert jpeg.pixels(bytes(first.data)) == jpeg.pixels(original)
    assert second.data == original
    assert (first.has_dht, second.has_dht) == (False, True)
    assert scanner.stats.without_dht == 1
    assert scanner.stats.frame_bytes == len(bare) + len(original)


METADATA = {
    "exif": jpeg.picture(exif=b"Exif\0\0" + jpeg.picture(16, 16)),
    "icc": jpeg.SOI + jpeg.segment(0xE2, b"ICC\0" + jpeg.EOI) + jpeg.picture()[2:],
    "both": jpeg.SOI
    + jpeg.segment(0xE1, bytes(40_000))
    + jpeg.picture()[2:20]
    + jpeg.segment(0xE2, bytes(40_000))
    + jpeg.picture()[20:],
    "none": jpeg.picture(comment=b"kept"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("insert_dht", [False, True])
@pytest.mark.parametrize("kind", METADATA)
def test_strip_app_when_metadata_is_there_takes_out_nothing_else(
    twin: type[Scanner], kind: str, insert_dht: bool, way: str
) -> None:
    image = METADATA[kind]
    if insert_dht:
        image = jpeg.without_dht(image)
    scanner = twin(strip_app=True, insert_dht=insert_dht)
    stream = b"--part" + image + b"--part" + image
    frames = WAYS[way](scanner, jpeg.reads_of(stream, 3000))
    stripped = jpeg.without(image, 0xE1, 0xE2)
    assert len(frames) == 2
    for frame in frames:
        data = bytes(frame.data)
        assert jpeg.pixels(data) == jpeg.pixels(METADATA[kind])
        assert jpeg.without_dht(data) == jpeg.without_dht(stripped)
        assert len(data) == len(stripped) + 420 * insert_dht
    assert frames[1].offset == len(image) + 12
    assert scanner.stats.frame_bytes == 2 * len(image)


def test_strip_app_when_fill_and_lone_markers_stand_there_leaves_them(
    twin: type[Scanner],
) -> None:
    app = jpeg.segment(0xE1, jpeg.minimal())
    image = jpeg.SOI + b"\xff\x01\xff\xff" + app + b"\xff" + jpeg.minimal()[2:]
    (frame,) = twin(strip_app=True).feed(image)
    assert frame.data == image.replace(app, b"")


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
def test_strip_thumbnails_when_metadata_holds_a_marker_of_an_image_takes_it_out(
    twin: type[Scanner], payload: bytes, code: int, fill: int
) -> None:
    note = jpeg.segment(0xFE, b"a note")
    odd = with_segments(note, jpeg.segment(code, payload), note, fill=fill)
    (frame,) = twin(strip_thumbnails=True).feed(odd)
    clean = bytes(frame)
    assert payload not in clean[2:]
    assert clean.count(note) == 2
    assert jpeg.SOI not in clean[2:]
    assert clean.find(jpeg.EOI) == len(clean) - 2
    assert jpeg.pixels(clean) == jpeg.pixels(PICTURE)


def test_strip_thumbnails_when_a_length_reads_like_a_marker_takes_it_out(
    twin: type[Scanner],
) -> None:
    odd = with_segments(jpeg.segment(0xE1, b"x" * (0xFFD8 - 2)))
    (frame,) = twin(strip_thumbnails=True).feed(odd)
    assert bytes(frame) == PICTURE


@pytest.mark.parametrize(
    "image",
    [
        PICTURE,
        jpeg.picture(64, 48, progressive=True),
        jpeg.with_fill(PICTURE, 3),
        jpeg.minimal(),
        with_segments(jpeg.segment(0xE1, b"Exif\0\0no thumbnail")),
        with_segments(jpeg.segment(0xFE, b"\xff\x00 \xff\xda \xd8 \xff")),
        jpeg.SOI + b"\xff\x01" + PICTURE[2:],
        *jpeg.webcam_frames()[:3],
    ],
)
def test_strip_thumbnails_when_there_is_none_changes_nothing(
    twin: type[Scanner], image: bytes
) -> None:
    (frame,) = twin(strip_thumbnails=True).feed(image)
    assert bytes(frame) == image


def test_lend_when_a_thread_works_then_only_counters_are_told() -> None:
    if COMPILED is None:
        pytest.skip("not compiled")
    scanner = COMPILED.Scanner()
    view = scanner.get_buffer()
    scanner.lend()
    with pytest.raises(ValueError, match="released"):
        view[0]
    for use in (
        lambda: scanner.feed(b"x"),
        scanner.get_buffer,
        lambda: scanner.advance(0),
        scanner.reset,
        scanner.lend,
        lambda: scanner.pending_bytes,
    ):
        with pytest.raises(BufferError, match="a native thread works"):
            use()
    assert scanner.stats.bytes_in == 0
    assert scanner.pool.slots == 1
    scanner.give_back()
    assert scanner.feed(PICTURE)


def test_strip_app_when_fill_stands_before_the_scan_leaves_it(
    twin: type[Scanner],
) -> None:
    image = jpeg.with_fill(jpeg.picture(), 3)
    (frame,) = twin(strip_app=True).feed(image)
    assert frame.data == image


def test_standard_dht_is_what_libjpeg_writes() -> None:
    assert len(STANDARD_DHT) == 420
    assert STANDARD_DHT[4:] == jpeg.huffman_tables(jpeg.picture(optimize=False))


def test_reset_inside_image_drops_it_and_keeps_counters_and_seq(
    twin: type[Scanner],
) -> None:
    scanner = twin()
    image = jpeg.minimal()
    assert [frame.seq for frame in scanner.feed(image + image[:-3])] == [1]
    scanner.reset()
    assert scanner.pending_bytes == 0
    assert [frame.seq for frame in scanner.feed(image[-3:] + image)] == [2]
    assert scanner.stats.dropped_bytes == len(image) - 3
    assert scanner.stats.junk_bytes == 3
    assert scanner.stats.truncated == 0
    assert_balanced(scanner, 3 * len(image))


def test_reset_between_images_forgets_a_cut_soi(twin: type[Scanner]) -> None:
    scanner = twin()
    scanner.feed(jpeg.minimal() + b"\xff")
    scanner.reset()
    assert scanner.feed(jpeg.minimal()[1:]) == []
    assert_balanced(scanner, 2 * len(jpeg.minimal()))


def test_reset_when_camera_returns_with_other_size_delivers_at_once(
    twin: type[Scanner],
) -> None:
    scanner = twin()
    scanner.feed(jpeg.minimal(8, 8))
    scanner.reset()
    assert len(scanner.feed(jpeg.minimal(16, 16))) == 1


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_feed_of_any_buffer_leaves_it_usable(twin: type[Scanner], kind: Any) -> None:
    image = jpeg.picture()
    data = kind(bytearray(image))
    (frame,) = twin().feed(data)
    assert frame.data == image
    assert frame.data.readonly
    assert bytes(data) == image
    if kind is bytearray:
        data.clear()
        assert frame.data == image


def test_feed_of_wider_items_counts_bytes(twin: type[Scanner]) -> None:
    scanner = twin()
    scanner.feed(memoryview(bytes(64)).cast("I"))
    assert scanner.stats.bytes_in == 64


def test_get_buffer_inside_a_frame_gives_little_more_than_is_missing(
    twin: type[Scanner],
) -> None:
    image = jpeg.minimal(entropy=bytes(100_000))
    scanner = twin()
    assert len(scanner.get_buffer()) == 64 << 10
    assert len(scanner.get_buffer(100)) == 100
    scanner.feed(image + image[:30_000])
    missing = len(image) - 30_000
    assert missing <= len(scanner.get_buffer()) <= missing + 4096
    assert len(scanner.get_buffer(1 << 30)) == len(scanner.get_buffer())
    scanner.feed(image[30_000:-1])
    assert 1 <= len(scanner.get_buffer()) <= 4097
    scanner.feed(bytes(50_000))
    assert 4096 <= len(scanner.get_buffer()) <= 16 << 10


def test_advance_when_over_takes_the_buffer_back(twin: type[Scanner]) -> None:
    image = jpeg.minimal()
    scanner = twin()
    view = scanner.get_buffer()
    view[: len(image)] = image
    (frame,) = scanner.advance(len(image))
    with pytest.raises(ValueError, match="released"):
        view[0] = 0
    assert frame.data == image


@pytest.mark.parametrize("what", ["advance", "get_buffer", "feed", "reset"])
def test_buffer_that_somebody_still_writes_into_cannot_be_taken_back(
    twin: type[Scanner], what: str
) -> None:
    image = jpeg.minimal()
    scanner = twin()
    calls: dict[str, Callable[[], object]] = {
        "advance": lambda: scanner.advance(len(image)),
        "get_buffer": scanner.get_buffer,
        "feed": lambda: scanner.feed(image),
        "reset": scanner.reset,
    }
    view = scanner.get_buffer()
    view[: len(image)] = image
    with view[:1], pytest.raises(BufferError):
        calls[what]()
    assert_balanced(scanner, 0)
    assert [frame.data for frame in scanner.advance(len(image))] == [image]


@pytest.mark.parametrize("n", [-1, (64 << 10) + 1, 1 << 40])
def test_advance_by_more_than_the_buffer_raises(twin: type[Scanner], n: int) -> None:
    scanner = twin()
    scanner.get_buffer()
    with pytest.raises(ValueError, match="buffer"):
        scanner.advance(n)
    assert scanner.advance(0) == []
    assert_balanced(scanner, 0)


@pytest.mark.parametrize("before", ["nothing", "advance", "feed", "reset"])
def test_advance_without_buffer_raises(twin: type[Scanner], before: str) -> None:
    scanner = twin()
    if before != "nothing":
        scanner.get_buffer()
    if before == "advance":
        scanner.advance(1)
    elif before == "feed":
        scanner.feed(b"x")
    elif before == "reset":
        scanner.reset()
    with pytest.raises(ValueError, match="get_buffer"):
        scanner.advance(1)


def test_buffer_when_scanner_is_gone_can_still_be_written(
    twin: type[Scanner],
) -> None:
    view = twin().get_buffer()
    view[:] = bytes(len(view))
    assert not any(view)


@pytest.mark.parametrize("data", ["text", None, 5, [1, 2]])
def test_feed_of_no_buffer_raises_type_error(twin: type[Scanner], data: Any) -> None:
    scanner = twin()
    with pytest.raises(TypeError):
        scanner.feed(data)
    assert scanner.stats.bytes_in == 0


@pytest.mark.parametrize("slots", [1, 0, -1, (1 << 16) + 1])
def test_scanner_with_slots_out_of_range_raises(
    twin: type[Scanner], slots: int
) -> None:
    with pytest.raises(ValueError, match="max_slots"):
        twin(max_slots=slots)


@pytest.mark.parametrize("limit", [0, -1, (1 << 30) + 1])
def test_scanner_with_limit_out_of_range_raises(
    twin: type[Scanner], limit: int
) -> None:
    with pytest.raises(ValueError, match="max_frame_bytes"):
        twin(limit)


def test_clock_that_fails_leaves_the_scanner_as_it_was(twin: type[Scanner]) -> None:
    ticks = iter([1])
    scanner = twin(clock=lambda: next(ticks))
    image = jpeg.minimal()
    scanner.feed(image[:9])
    with pytest.raises(StopIteration):
        scanner.feed(image[9:])
    assert_balanced(scanner, 9)
    scanner.get_buffer()
    with pytest.raises(StopIteration):
        scanner.advance(9)
    assert_balanced(scanner, 9)


def test_feed_of_large_read_delivers_frames_across_its_pieces(
    twin: type[Scanner],
) -> None:
    image = jpeg.minimal(entropy=bytes(50_000))
    scanner = twin(60_000)
    assert [frame.data for frame in scanner.feed(image * 40)] == [image] * 40


def test_stats_when_changed_raise(twin: type[Scanner]) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        twin().stats.frames = 1  # type: ignore[misc]


class CountingPattern:
    """A compiled pattern that adds up the bytes it looked at."""

    def __init__(self, pattern: Any) -> None:
        self.pattern = pattern
        self.looked_at = 0

    def search(self, data: bytes, begin: int, end: int) -> Any:
        found = self.pattern.search(data, begin, end)
        self.looked_at += (found.end() if found else end) - begin
        return found


@pytest.mark.parametrize("max_frame_bytes", [1 << 20, 9_000])
def test_python_twin_with_tiny_reads_looks_once_at_each_byte(
    monkeypatch: pytest.MonkeyPatch, max_frame_bytes: int
) -> None:
    counting = CountingPattern(_scanner_py._SCAN_END)
    monkeypatch.setattr(_scanner_py, "_SCAN_END", counting)
    entropy = b"\x12\xff\0\x34\xff\xd0" * 3_000
    stream = jpeg.minimal(entropy=entropy) * 2
    feed_all(_scanner_py.Scanner(max_frame_bytes), jpeg.reads_of(stream, 1))
    # An FF that ends a read is looked at again, with the byte that follows it.
    allowed = min(len(entropy), max_frame_bytes) * 2
    assert allowed * 0.9 < counting.looked_at < allowed * 1.4


STREAMS_OF_ANY_LENGTH: dict[str, Callable[[int], bytes]] = {
    "oversize": lambda size: jpeg.minimal(entropy=bytes(size)),
    "no_soi": lambda size: bytes(size),
    "only_ff": lambda size: b"\xff" * size,
    "fill": lambda size: jpeg.SOI + b"\xff" * size,
    "false_soi": lambda size: b"\xff\xd8\0" * (size // 3),
    "stuffed": lambda size: jpeg.minimal(entropy=b"\xff\0" * (size // 2)),
    "small_frames": lambda size: jpeg.minimal() * (size // len(jpeg.minimal())),
    "cut_frames": lambda size: jpeg.minimal()[:-2] * (size // len(jpeg.minimal())),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", STREAMS_OF_ANY_LENGTH)
@pytest.mark.parametrize("limit", [4_000, 8 << 20])
def test_eight_times_the_bytes_when_read_take_about_eight_times_as_long(
    twin: type[Scanner], kind: str, limit: int, way: str
) -> None:
    def fastest(size: int) -> float:
        reads = jpeg.reads_of(STREAMS_OF_ANY_LENGTH[kind](size), 3)
        times = []
        for _ in range(3):
            scanner = twin(limit)
            begin = time.process_time()
            WAYS[way](scanner, reads)
            times.append(time.process_time() - begin)
        return min(times)

    assert fastest(48_000) < 32 * max(fastest(6_000), 1e-4)


def test_feed_from_several_threads_keeps_the_books(twin: type[Scanner]) -> None:
    scanner = twin()
    data = jpeg.minimal(entropy=bytes(300_000)) * 2

    def work() -> None:
        for _ in range(20):
            scanner.feed(data)

    threads = [threading.Thread(target=work) for _ in range(3)]
    if twin is _scanner_py.Scanner:
        threads = threads[:1]  # one feeder at a time is all it promises
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert scanner.stats.frames == 40 * len(threads)
    assert_balanced(scanner, 20 * len(threads) * len(data))


def test_dispatcher_when_extension_is_built_uses_it() -> None:
    if is_set("PRUSACAM_PURE_PYTHON") or is_set("PRUSACAM_NO_EXTENSIONS"):
        assert scanner.IMPLEMENTATION == "python" or "c" in TWINS
    elif "c" not in TWINS and not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("there is no C compiler, so the package is pure Python")
    else:
        assert scanner.IMPLEMENTATION == "c"
    assert scanner.Scanner is TWINS[scanner.IMPLEMENTATION]


def test_dispatcher_when_pure_python_is_asked_for_uses_it() -> None:
    asked = (
        "from moonraker_prusacam.camera.scanner import IMPLEMENTATION\n"
        "print(IMPLEMENTATION)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked],
        env={**os.environ, "PRUSACAM_PURE_PYTHON": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert done.stdout.strip() == "python"


@needs_compiled
def test_compiled_twin_hides_its_internals_and_tells_its_signature() -> None:
    compiled = TWINS["c"]
    made = compiled()
    for name in ("framer", "view", "dht", "clock", "lock", "revoke"):
        assert not hasattr(made, name)
    assert not hasattr(made, "__dict__")
    assert (compiled.feed.__doc__ or "").startswith("Scanner.feed(self, data)")


@needs_compiled
def test_twins_have_the_same_public_names() -> None:
    names = {
        name: {n for n in dir(twin) if not n.startswith("_")}
        for name, twin in TWINS.items()
    }
    calls = {"feed", "get_buffer", "advance", "reset"}
    assert names["python"] == {*calls, "pending_bytes", "stats", "pool"}
    # What is native is lent to native threads.
    assert names["c"] == names["python"] | {"lend", "give_back"}
