# Tests of the pool that frames lie in.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames share bounded memory, stay as they are, and go when nobody holds them."""

from __future__ import annotations

import datetime as dt
import gc
import hashlib
import os
import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import jpeg
from tests.support.twins import COMPILED, TWINS, WAYS, needs_compiled, receive_all

if TYPE_CHECKING:
    from moonraker_prusacam.camera import Frame, PoolStats, Scanner

pytestmark = needs_compiled

MIB = 1 << 20
MANY = 1_000_000


def image_of(size_bytes: int, number: int = 0) -> bytes:
    """An image of about this size that tells its number."""
    text = b"%08d" % number
    return jpeg.minimal(entropy=text * (size_bytes // len(text)))


def scanner_with(**options: int) -> Scanner:
    scanner: Scanner = COMPILED.Scanner(**options)
    return scanner


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def assert_bounded(pool: PoolStats) -> None:
    assert pool.bytes <= pool.peak_bytes <= pool.limit_bytes
    assert pool.in_use <= pool.slots


@pytest.mark.parametrize("max_frame_bytes", [1, 100_000, 8 * MIB])
@pytest.mark.parametrize("max_slots", [2, 16])
def test_limit_is_what_a_user_can_compute(max_frame_bytes: int, max_slots: int) -> None:
    pool = scanner_with(max_frame_bytes=max_frame_bytes, max_slots=max_slots).pool
    slot_bytes = max_frame_bytes * 9 // 8 + MIB // 2
    assert 0 <= pool.limit_bytes - max_slots * slot_bytes < max_slots * 1024


@pytest.mark.parametrize("way", WAYS)
def test_pool_when_all_slots_are_held_drops_frames_and_stays_bounded(way: str) -> None:
    scanner = scanner_with(max_frame_bytes=MIB, max_slots=3)
    images = [image_of(300_000, number) for number in range(40)]
    held = WAYS[way](scanner, images)
    pool, stats = scanner.pool, scanner.stats
    assert_bounded(pool)
    assert pool.bytes > pool.limit_bytes * 0.6
    assert stats.starved >= 20
    assert stats.frames == len(held) == 40 - stats.starved
    assert [frame.data for frame in held] == images[: len(held)]
    assert stats.dropped_bytes == sum(map(len, images[len(held) :]))
    assert stats.bytes_in == stats.frame_bytes + stats.dropped_bytes
    held.clear()
    assert scanner.pool.in_use == 1
    assert len(WAYS[way](scanner, images[:1])) == 1


def test_pool_when_only_the_newest_is_held_takes_any_frame_that_is_allowed() -> None:
    scanner = scanner_with(max_frame_bytes=2 * MIB, max_slots=3)
    latest: Frame | None = None
    for number in range(60):
        image = image_of(2 * MIB - 200 if number % 7 == 0 else 1000 * number, number)
        (latest,) = receive_all(scanner, [image])
        assert latest.data == image
        assert_bounded(scanner.pool)
    assert scanner.stats.starved == 0


def test_image_that_outgrows_the_pool_is_dropped_and_the_next_one_comes() -> None:
    scanner = scanner_with(max_frame_bytes=4 * MIB, max_slots=2)
    held = receive_all(scanner, [image_of(3 * MIB)] * 3)
    assert len(held) in (1, 2)
    starved = scanner.stats.starved
    assert starved == 3 - len(held)
    assert_bounded(scanner.pool)
    held.clear()
    assert len(receive_all(scanner, [b"--part" + image_of(3 * MIB)])) == 1
    assert scanner.stats.starved == starved


def test_slots_when_large_frames_are_gone_shrink_again() -> None:
    scanner = scanner_with()
    assert len(receive_all(scanner, [image_of(6 * MIB)] * 4)) == 4
    assert scanner.pool.bytes > 6 * MIB
    for _ in range(200):
        receive_all(scanner, [image_of(20_000)])
    assert scanner.pool.bytes < MIB


def test_held_frame_takes_little_more_than_it_has() -> None:
    scanner = scanner_with()
    receive_all(scanner, [image_of(6 * MIB)])
    held = receive_all(scanner, [image_of(20_000)] * 20)
    assert len(held) == 20
    before = scanner.pool.bytes
    held.clear()
    gc.collect()
    assert before < 20 * 200_000 + 16 * MIB


@pytest.mark.parametrize("way", WAYS)
def test_million_frames_when_read_leave_no_memory_and_no_reference(way: str) -> None:
    scanner = scanner_with()
    batch = [jpeg.minimal() * 2_000]

    def read(batches: int) -> None:
        for _ in range(batches):
            assert len(WAYS[way](scanner, batch)) == 2_000

    read(10)
    before = resident_bytes()
    read(MANY // 2_000)
    assert resident_bytes() - before < 4 * MIB
    pool = scanner.pool
    assert scanner.stats.frames == MANY + 20_000
    assert scanner.stats.starved == 0
    assert pool.in_use == 1
    assert pool.slots < 12
    assert_bounded(pool)


@pytest.mark.parametrize("twin", TWINS)
def test_frames_when_scanner_is_reset_fed_and_gone_stay_as_they_are(twin: str) -> None:
    scanner = TWINS[twin]()
    images = [image_of(500 * number, number) for number in range(1, 60)]
    frames = receive_all(scanner, images[:30])
    scanner.reset()
    frames += receive_all(scanner, images[30:])
    receive_all(scanner, [image_of(40_000)] * 30)
    del scanner
    gc.collect()
    assert [bytes(frame.data) for frame in frames] == images


def test_data_when_frame_and_scanner_are_gone_stays() -> None:
    (frame,) = scanner_with().feed(jpeg.picture())
    data = frame.data[2:]
    del frame
    gc.collect()
    assert data == jpeg.picture()[2:]


def test_capsule_when_taken_in_is_the_same_frame() -> None:
    scanner = scanner_with()
    (frame,) = scanner.feed(jpeg.picture())
    capsule = frame.capsule()  # type: ignore[attr-defined]
    again = COMPILED.frame_from_capsule(capsule)
    assert type(again) is type(frame)
    assert again.data == frame.data
    for name in ("seq", "offset", "width", "last_ns", "wall_time", "part_header"):
        assert getattr(again, name) == getattr(frame, name)
    assert scanner.pool.in_use == 2


def test_capsule_owns_a_reference_of_its_own() -> None:
    scanner = scanner_with()
    (frame,) = scanner.feed(jpeg.picture())
    capsule = frame.capsule()  # type: ignore[attr-defined]
    del frame
    receive_all(scanner, [image_of(1000)] * 50)
    assert scanner.pool.in_use == 2
    again = COMPILED.frame_from_capsule(capsule)
    del capsule
    assert scanner.pool.in_use == 2
    assert again.data == jpeg.picture()
    del again
    assert scanner.pool.in_use == 1


@pytest.mark.parametrize("other", [None, 5, b"bytes", vars(dt)["datetime_CAPI"]])
def test_capsule_of_others_is_refused(other: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        COMPILED.frame_from_capsule(other)


def test_frames_when_released_in_other_threads_leave_none_behind() -> None:
    scanner = scanner_with(max_slots=64)
    frames: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
    wrong = []

    def hold() -> None:
        held = []
        while (frame := frames.get()) is not None:
            held.append((frame, frame.data))
            if len(held) > 20:
                oldest, data = held.pop(0)
                number = bytes(data[-10:-2])
                if data != image_of(3000 + int(number), int(number)):
                    wrong.append(oldest.seq)

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    sent = 0
    for number in range(4000):
        for frame in receive_all(scanner, [image_of(3000 + number, number)]):
            frames.put(frame)
            sent += 1
            del frame
    for _ in threads:
        frames.put(None)
    for thread in threads:
        thread.join(30)
    assert sent + scanner.stats.starved == 4000
    assert sent > 2000
    assert not wrong
    assert scanner.pool.in_use == 1
    assert_bounded(scanner.pool)


def test_frames_from_several_scanners_are_apart() -> None:
    scanners = [scanner_with() for _ in range(3)]
    images = [image_of(10_000, number) for number in range(3)]
    frames = [
        frame
        for scanner, image in zip(scanners, images, strict=True)
        for frame in scanner.feed(image)
    ]
    digests = {hashlib.sha256(frame.data).digest() for frame in frames}
    assert len(digests) == 3
    assert [scanner.pool.in_use for scanner in scanners] == [2, 2, 2]
