# One recording, and the ring that its frames come from.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames are kept, which are recorded, and what ends it."""

from __future__ import annotations

import asyncio
import os
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam import mp4
from moonraker_prusacam.camera import Frame
from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.errors import MultiCamRefused
from moonraker_prusacam.multicam.device import recording as recording_module
from moonraker_prusacam.multicam.device.pace import (
    LATE_S,
    LONGEST_PERIOD_S,
    UNKNOWN_AHEAD_S,
    Ahead,
    Thinning,
    period_s,
)
from moonraker_prusacam.multicam.device.recording import Recording, RecordingLimits
from moonraker_prusacam.multicam.device.recordings import Recorded, Recordings
from moonraker_prusacam.multicam.device.ring import FrameRing
from tests.support import jpeg

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 10.0
BEGIN_S = 1_729_000_000.0
MS_NS = 1_000_000
PICTURE = jpeg.picture(16, 16)
LARGE = PICTURE + bytes(15_000)
PLENTY = 1 << 30
MANY_S = 1e6
SELDOM_MS = 11_000  # frames that come so seldom are all kept


def frame_at(at_ms: float, took_ms: float = 0.0, data: bytes = PICTURE) -> Frame:
    """A frame whose first octet came so long after BEGIN_S."""
    return Frame(
        data,
        seq=1,
        width=16,
        height=16,
        has_dht=True,
        first_ns=int(at_ms * MS_NS),
        last_ns=int((at_ms + took_ms) * MS_NS),
        wall_time=BEGIN_S + (at_ms + took_ms) / 1e3,
    )


def filled(*times_ms: float, keep_s: float = 10.0, limit: int = PLENTY) -> FrameRing:
    ring = FrameRing(limit, keep_s)
    for at_ms in times_ms:
        ring.add(frame_at(at_ms))
    return ring


def times_of(ring: FrameRing, number: int = 0) -> list[int]:
    return [frame.first_ns // MS_NS for frame in ring.since(number)]


def recording_of(
    ring: FrameRing,
    folder: Path,
    target_ms: float,
    max_bytes: int = PLENTY,
    ahead: Ahead | None = None,
) -> Recording:
    folder.mkdir(exist_ok=True)
    limits = RecordingLimits(DiskGuard(folder, 1), 3600.0, max_bytes)
    recordings = Recordings(folder, "Prusa-1A2B3C4D")
    return Recording(ring, recordings, limits, BEGIN_S + target_ms / 1e3, ahead)


async def written(
    recording: Recording, running: asyncio.Task[Recorded], number: int
) -> None:
    """Wait until frames before ``number`` are in the file, or left out."""
    while recording.next_number < number:
        assert not running.done()
        await asyncio.sleep(0.001)


def test_ring_when_frames_are_written_then_they_go_by_age() -> None:
    ring, written = filled(keep_s=1), 0
    with ring.hold(lambda: written):
        for at_ms in (0, 500, 1000, 1600, 2200):
            ring.add(frame_at(at_ms))
        assert times_of(ring) == [0, 500, 1000, 1600, 2200]
        written = 2
        ring.add(frame_at(2300))
        assert times_of(ring) == [1000, 1600, 2200, 2300]
    ring.add(frame_at(2700))
    assert times_of(ring) == [2200, 2300, 2700]


def test_ring_when_frames_are_old_then_goes_by_age_and_by_size() -> None:
    assert times_of(filled(0, 500, 1000, 1600, keep_s=1)) == [1000, 1600]
    size = len(PICTURE)
    assert times_of(filled(0, 1, 2, 3, limit=2 * size)) == [2, 3]
    # One that alone is too much is there all the same: it is the newest.
    assert times_of(filled(0, 1, limit=size // 2)) == [1]


def test_ring_when_held_then_only_size_counts() -> None:
    ring = FrameRing(PLENTY, 1.0)
    with ring.hold(lambda: 0):
        for at_ms in (0, 5000, 9000):
            ring.add(frame_at(at_ms))
        assert times_of(ring) == [0, 5000, 9000]
    ring.add(frame_at(9100))
    assert times_of(ring) == [9000, 9100]
    ring.clear()
    assert (times_of(ring), ring.size_bytes, ring.next_number) == ([], 0, 4)


def test_ring_when_asked_for_an_instant_then_first_frame_at_or_after_it() -> None:
    ring = filled(0, 40, 80)
    found = [ring.first_at(BEGIN_S + ms / 1e3) for ms in (-5, 0, 30, 70, 81)]
    assert found == [0, 0, 1, 2, 3]


def test_ring_when_frame_took_long_then_its_time_is_that_of_its_first_octet() -> None:
    ring = FrameRing(PLENTY, 10.0)
    ring.add(frame_at(100, took_ms=60))
    (frame,) = ring.since(0)
    assert frame.unix_s == pytest.approx(BEGIN_S + 0.1, abs=1e-6)


def test_ring_when_camera_reuses_its_memory_then_copy_stays() -> None:
    ring = FrameRing(PLENTY, 10.0)
    ring.add(frame_at(0))
    assert type(ring.since(0)[0].data) is bytes
    assert ring.since(0)[0].data == bytes(memoryview(PICTURE))


@pytest.mark.parametrize(
    ("camera_fps", "fps", "expected_fps"),
    [(30, 0, 30), (30, 30, 30), (30, 10, 10), (15, 10, 10), (10, 30, 10), (25, 2, 2)],
)
def test_thinning_when_camera_is_faster_then_rate_is_what_was_asked_for(
    camera_fps: float, fps: float, expected_fps: float
) -> None:
    seconds, thinning = 20, Thinning(fps)
    times_ms = [n * 1000 / camera_fps for n in range(int(seconds * camera_fps))]
    ring = filled(*times_ms, keep_s=seconds)
    frames = ring.since(0)
    kept = [each for frame in frames for each in thinning.kept([frame])]
    assert kept[0] is frames[0]
    assert len(kept) == pytest.approx(seconds * expected_fps, rel=0.08)


@pytest.mark.parametrize(
    ("room", "ahead_s", "frame", "expected_s"),
    [
        (8e9, 3600, 150e3, 0.0675),  # 15 frames a second of 1080p for an hour
        (8e9, 30 * 3600, 150e3, 2.025),
        (100, 60, 200, LONGEST_PERIOD_S),
        (-5, 60, 200, LONGEST_PERIOD_S),
        (1e9, 1e6, 1e4, LONGEST_PERIOD_S),
        (8e9, 60, 0, 7.5e-9),
    ],
)
def test_period_when_room_and_time_are_known_then_they_are_over_together(
    room: float, ahead_s: float, frame: float, expected_s: float
) -> None:
    assert period_s(room, ahead_s, frame) == pytest.approx(expected_s)


def test_ahead_when_somebody_tells_it_then_that_and_some_more_when_it_was_wrong() -> (
    None
):
    now_s = 1000.0
    ahead = Ahead(lambda: now_s)
    assert [ahead.seconds(s) for s in (0, 100, 5000)] == [UNKNOWN_AHEAD_S] * 2 + [5000]
    ahead.expect(7200)
    assert ahead.seconds(0) == 7200
    now_s += 7000
    assert ahead.seconds(80) == 200
    now_s += 1000  # it takes longer
    assert [ahead.seconds(s) for s in (80, 8000)] == [LATE_S, 2000]
    ahead.forget()
    assert ahead.seconds(0) == UNKNOWN_AHEAD_S


@pytest.mark.parametrize(
    ("told_s", "lasts_s"), [(1000, 1000), (1000, 1300), (None, 2000), (4000, 1000)]
)
async def test_recording_when_it_has_little_room_then_it_lasts_as_long_as_its_print(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    told_s: float | None,
    lasts_s: int,
) -> None:
    monkeypatch.setattr(recording_module, "FRAGMENT_S", 0.001)
    ring, now_s = FrameRing(PLENTY, MANY_S), 0.0
    ring.add(frame_at(0, data=LARGE))
    ahead = Ahead(lambda: now_s)
    if told_s is not None:
        ahead.expect(told_s)
    most = 500 * len(LARGE)
    recording = recording_of(ring, tmp_path, 0, max_bytes=most, ahead=ahead)
    running = asyncio.create_task(recording.run())
    async with asyncio.timeout(WAIT_S):
        for second in range(1, lasts_s + 1):
            now_s = float(second)
            ring.add(frame_at(1000 * second, data=LARGE))
            if second % 10 == 0:
                await written(recording, running, ring.next_number)
    recording.stop()
    recorded = await running
    track = await asyncio.to_thread(mp4.read_track, recorded.path)
    times = await asyncio.to_thread(mp4.read_times, recorded.path)
    assert recorded.size_bytes <= most
    assert float(track.duration_s) >= lasts_s - LONGEST_PERIOD_S
    begins = [times.seconds(begin) for begin in times.begins]
    gaps_s = [after - before for before, after in pairwise(begins)]
    assert max(gaps_s) <= LONGEST_PERIOD_S + 1
    if told_s == lasts_s:
        # As many as there is room for, and at the end not many fewer than at the begin.
        assert track.frames > 400
        assert max(gaps_s[: len(gaps_s) * 3 // 4]) <= 3


async def test_recording_when_there_is_room_then_no_frame_that_was_late_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_module, "FRAGMENT_S", 0.001)
    ring = filled(0, keep_s=MANY_S)
    ahead = Ahead()
    ahead.expect(600)
    # Room for 100 frames a second, of a camera that gives 25.
    most = int(600 * 100 * len(PICTURE))
    recording = recording_of(ring, tmp_path, 0, max_bytes=most, ahead=ahead)
    running = asyncio.create_task(recording.run())
    async with asyncio.timeout(WAIT_S):
        for second in range(20):
            for _ in range(25):  # a second's, all at once
                ring.add(frame_at(1000 * (second + 1)))
            await written(recording, running, ring.next_number)
    recording.stop()
    track = await asyncio.to_thread(mp4.read_track, (await running).path)
    assert track.frames == 501


async def test_recording_when_loop_was_late_then_begins_at_the_instant(
    tmp_path: Path,
) -> None:
    ring = filled(0, 40, 80, 120, 160)
    recording = recording_of(ring, tmp_path, 50)
    recording.stop()
    with pytest.raises(MultiCamRefused):
        await recording.run()
    recording = recording_of(ring, tmp_path, 50)
    running = asyncio.create_task(recording.run())
    async with asyncio.timeout(WAIT_S):
        await recording.settled.wait()
    recording.stop()
    recorded = await running
    assert recorded.begin_s == BEGIN_S + 0.08
    assert recording.missed == 0
    track = await asyncio.to_thread(mp4.read_track, recorded.path)
    assert track.frames == 3


async def test_recording_when_disk_was_slow_then_tells_what_it_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_module, "FRAGMENT_S", 0.01)
    ring = FrameRing(3 * len(PICTURE), 10.0)
    ring.add(frame_at(0))
    recording = recording_of(ring, tmp_path, 0)
    running = asyncio.create_task(recording.run())
    async with asyncio.timeout(WAIT_S):
        await recording.settled.wait()
        while not recording.frames:  # noqa: ASYNC110 - a thread writes it
            await asyncio.sleep(0.001)
    # All of these while the loop does nothing else.
    for number in range(1, 11):
        ring.add(frame_at(40 * number))
    recording.stop()
    recorded = await running
    track = await asyncio.to_thread(mp4.read_track, recorded.path)
    assert (track.frames, recording.missed) == (4, 7)
    # What is missing is a gap in time, and not a jump of what comes after it.
    assert track.duration_s == pytest.approx(0.44, abs=0.001)


async def test_recording_when_disk_fails_then_what_was_on_it_is_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_module, "FRAGMENT_S", 0.01)
    fdatasync = os.fdatasync
    ring = filled(0, 40, 80)
    recording = recording_of(ring, tmp_path, 0)
    running = asyncio.create_task(recording.run())
    async with asyncio.timeout(WAIT_S):
        await recording.settled.wait()
        while recording.frames < 3:  # noqa: ASYNC110 - a thread writes it
            await asyncio.sleep(0.001)
        failed: list[int] = []

        def fail_once(descriptor: int) -> None:
            if not failed:
                failed.append(descriptor)
                raise OSError(5, "Input/output error")
            fdatasync(descriptor)

        monkeypatch.setattr(os, "fdatasync", fail_once)
        ring.add(frame_at(120))
        recorded = await running
    assert failed
    track = await asyncio.to_thread(mp4.read_track, recorded.path)
    assert track.frames == 3


async def test_recording_when_it_is_as_large_as_may_be_then_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_module, "FRAGMENT_S", 0.01)
    most = 20 * len(PICTURE)
    ring = filled(0, keep_s=MANY_S)
    recording = recording_of(ring, tmp_path, 0, max_bytes=most)
    running = asyncio.create_task(recording.run())
    at_ms = 0
    async with asyncio.timeout(WAIT_S):
        while not running.done():
            at_ms += SELDOM_MS
            ring.add(frame_at(at_ms))
            await asyncio.sleep(0.001)
    recorded = await running
    assert recorded.size_bytes < most + (16 << 10)
    await asyncio.to_thread(mp4.check_whole, recorded.path)


async def test_recording_when_it_grows_then_older_ones_make_room_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_module, "FRAGMENT_S", 0.01)
    monkeypatch.setattr(recording_module, "TRIM_BYTES", len(PICTURE))
    old = tmp_path / "Prusa-1A2B3C4D_1000.mp4"
    old.write_bytes(bytes(60 * len(PICTURE)))
    ring = filled(0, keep_s=MANY_S)
    recording = recording_of(ring, tmp_path, 0, max_bytes=100 * len(PICTURE))
    running = asyncio.create_task(recording.run())
    frames = 0
    async with asyncio.timeout(WAIT_S):
        while await asyncio.to_thread(old.exists):
            if frames < 80:  # no more than it may have itself
                frames += 1
                ring.add(frame_at(SELDOM_MS * frames))
            await asyncio.sleep(0.001)
    assert not running.done()
    recording.stop()
    await asyncio.to_thread(mp4.check_whole, (await running).path)
