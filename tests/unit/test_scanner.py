# Tests of both twins of the frame scanner.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scanner delivers every whole image and nothing else, whatever the reads."""

from __future__ import annotations

import importlib
import itertools
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonraker_prusacam.camera import Frame, _scanner_py, scanner
from moonraker_prusacam.camera.huffman import STANDARD_DHT
from tests.support import jpeg
from tests.support.jpeg_streams import CASES, Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from moonraker_prusacam.camera import Scanner

DROPS = ("truncated", "oversize", "malformed", "secondary", "without_dht")
READS = ("whole", 1, 3, 7, 4096, "random")


def is_set(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def twins() -> dict[str, type[Scanner]]:
    found = {"python": _scanner_py.Scanner}
    try:
        compiled = importlib.import_module("moonraker_prusacam.camera._scanner_c")
    except ImportError:
        return found
    return {"c": compiled.Scanner, **found}


TWINS = twins()
needs_compiled = pytest.mark.skipif("c" not in TWINS, reason="not compiled")


@pytest.fixture(params=TWINS)
def twin(request: pytest.FixtureRequest) -> type[Scanner]:
    return TWINS[request.param]


def feed_all(scanner: Scanner, reads: Iterable[bytes]) -> list[Frame]:
    return [frame for data in reads for frame in scanner.feed(data)]


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
    fields = [attrs.astuple(frame)[:-1] for frame in frames]
    return fields, scanner.stats, scanner.pending_bytes


@pytest.mark.parametrize("reads", READS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_feed_of_corpus_stream_gives_its_frames_and_counts(
    twin: type[Scanner], case: Case, reads: int | str
) -> None:
    scanner = twin(**case.options)
    frames = feed_all(scanner, jpeg.reads_of(case.stream, reads))
    assert [frame.data for frame in frames] == list(case.frames)
    assert [frame.seq for frame in frames] == [*range(1, len(frames) + 1)]
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


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_feed_of_any_split_gives_same_frames_and_true_times(
    data: st.DataObject,
) -> None:
    case = data.draw(st.sampled_from(CASES))
    whole = {
        data.data for data in _scanner_py.Scanner(**case.options).feed(case.stream)
    }
    reads = data.draw(splits(case.stream))
    outcomes = []
    for twin in TWINS.values():
        scanner = twin(**case.options, clock=itertools.count(1).__next__)
        frames = feed_all(scanner, reads)
        assert {frame.data for frame in frames} == whole
        outcomes.append(outcome(scanner, frames))
        position = 0
        for frame in frames:
            begin = case.stream.index(frame.data, position)
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


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_feed_of_arbitrary_bytes_never_raises_and_twins_agree(
    data: st.DataObject,
) -> None:
    stream = data.draw(hostile | st.binary(max_size=300))
    max_frame_bytes = data.draw(st.integers(1, 80) | st.just(8 << 20))
    insert_dht = data.draw(st.booleans())
    outcomes = []
    for twin in TWINS.values():
        for reads in (data.draw(splits(stream)), jpeg.reads_of(stream, 1)):
            scanner = twin(max_frame_bytes, insert_dht=insert_dht, clock=lambda: 0)
            outcomes.append(outcome(scanner, feed_all(scanner, reads)))
            assert_balanced(scanner, len(stream))
            assert scanner.pending_bytes <= max(2, max_frame_bytes)
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
    assert jpeg.pixels(first.data) == jpeg.pixels(original)
    assert second.data == original
    assert (first.has_dht, second.has_dht) == (False, True)
    assert scanner.stats.without_dht == 1
    assert scanner.stats.frame_bytes == len(bare) + len(original)


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
    assert type(frame.data) is bytes
    assert bytes(data) == image
    if kind is bytearray:
        data.clear()
        assert frame.data == image


def test_feed_of_wider_items_counts_bytes(twin: type[Scanner]) -> None:
    scanner = twin()
    scanner.feed(memoryview(bytes(64)).cast("I"))
    assert scanner.stats.bytes_in == 64


@pytest.mark.parametrize("data", ["text", None, 5, [1, 2]])
def test_feed_of_no_buffer_raises_type_error(twin: type[Scanner], data: Any) -> None:
    scanner = twin()
    with pytest.raises(TypeError):
        scanner.feed(data)
    assert scanner.stats.bytes_in == 0


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
}


@pytest.mark.parametrize("kind", STREAMS_OF_ANY_LENGTH)
@pytest.mark.parametrize("limit", [4_000, 8 << 20])
def test_feed_of_eight_times_the_bytes_takes_about_eight_times_as_long(
    twin: type[Scanner], kind: str, limit: int
) -> None:
    def fastest(size: int) -> float:
        reads = jpeg.reads_of(STREAMS_OF_ANY_LENGTH[kind](size), 3)
        times = []
        for _ in range(3):
            scanner = twin(limit)
            begin = time.process_time()
            for data in reads:
                scanner.feed(data)
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
    for name in ("walk", "clock", "lock", "take_read"):
        assert not hasattr(made, name)
    assert not hasattr(made, "__dict__")
    assert (compiled.feed.__doc__ or "").startswith("Scanner.feed(self, data)")


@needs_compiled
def test_twins_have_the_same_public_names() -> None:
    names = [{n for n in dir(t) if not n.startswith("_")} for t in TWINS.values()]
    assert names[0] == names[1] == {"feed", "pending_bytes", "reset", "stats"}
