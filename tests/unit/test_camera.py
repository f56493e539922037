# Tests of the camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""States, freshness, waiting for frames and reconnecting, with a flaky source."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera import Camera, CameraState, camera
from moonraker_prusacam.camera.receiver import Receiver
from moonraker_prusacam.camera.sources import Host, open_source
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.errors import (
    FrameUnavailable,
    SourceError,
    SourceStalled,
    SourceUnavailable,
)
from tests.support import jpeg
from tests.support.feeder import Feeder
from tests.support.scripted_camera import States, scripted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from moonraker_prusacam.camera import Frame

WAIT_S = 10.0
HOST = Host(Path("/nowhere"))
SHORT_S = 0.15
LONGER_S = 1.0  # what has to be done meanwhile, a busy host does in that
PICTURE = jpeg.picture(64, 48)


@pytest.fixture
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(camera, "LAST_DELAY_S", 0.04)


def test_delays_when_read_then_they_are_what_users_are_told() -> None:
    assert (camera.FIRST_DELAY_S, camera.LAST_DELAY_S) == (0.2, 5.0)


async def test_latest_when_no_frame_came_then_it_says_what_is_awaited() -> None:
    async with scripted() as (of, _, _):
        assert of.status.state is CameraState.CONNECTING
        assert of.fresh() is of.newest is None
        with pytest.raises(FrameUnavailable, match="'bed': waiting for the first"):
            of.latest()


async def test_latest_when_frames_come_then_it_is_the_newest_one() -> None:
    async with scripted() as (of, source, states):
        pictures = [jpeg.picture(64, 48, seed=seed) for seed in range(5)]
        seen: list[Frame] = []
        of.subscribe(seen.append)
        source.send(b"".join(pictures[:3]) + pictures[3][:100])
        assert of.latest().data == pictures[2]
        source.send(pictures[3][100:] + pictures[4])
        assert of.latest().data == pictures[4]
        assert of.latest() is of.newest is of.fresh() is seen[-1]
        assert [frame.data for frame in seen] == pictures
        await states.until(CameraState.LIVE)
        status = of.status
        assert status.reason == "frames arrive"
        assert status.last_frame == seen[-1].wall_time


async def test_latest_when_the_frame_is_old_then_it_is_not_handed_out() -> None:
    async with scripted(stale_after_s=SHORT_S) as (of, source, states):
        source.send()
        newest = of.latest()
        await states.until(CameraState.LIVE, CameraState.STALLED)
        assert newest.age_s() >= SHORT_S
        assert of.fresh() is None
        assert of.newest is newest
        with pytest.raises(FrameUnavailable, match="connected, but frozen"):
            of.latest()
        source.send()
        assert of.latest() is not newest
        await states.until(CameraState.LIVE, CameraState.STALLED, CameraState.LIVE)


async def test_status_when_the_frame_is_old_then_no_timer_is_needed_and_it_is_stable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scripted() as (of, source, states):
        source.send()
        stamp = of.latest().last_ns
        later_ns = stamp + 61 * 10**9
        monkeypatch.setattr(time, "monotonic_ns", lambda: later_ns)
        assert states.all == [CameraState.LIVE]
        first, second = of.status, of.status
        assert first.state is CameraState.STALLED
        # A placeholder that is drawn for it must not be outdated at once.
        assert first == second
        assert first.last_frame is not None
        assert first.since == first.last_frame + 60


async def test_source_when_it_fails_for_a_moment_then_viewers_are_not_told() -> None:
    async with scripted() as (of, source, states):
        source.send()
        source.fail(SourceUnavailable("the feed closed"))
        await source.running(2)
        assert of.status.state is CameraState.LIVE
        assert of.fresh() is not None
        source.send()
        assert states.all == [CameraState.LIVE]
        assert of.connects == 2


async def test_source_when_it_stays_away_then_the_reason_is_told_when_stale() -> None:
    async with scripted(stale_after_s=SHORT_S) as (of, source, states):
        source.send()
        source.fail(SourceUnavailable("the feed closed"))
        await states.until(CameraState.LIVE, CameraState.FAILED)
        assert of.status.reason == "the feed closed"


async def test_status_when_a_mended_feed_freezes_then_the_old_reason_is_forgotten(
    short_delays: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scripted() as (of, source, states):
        source.send()
        source.fail(SourceUnavailable("the feed closed"))
        await source.running(2)
        source.send()
        later_ns = of.latest().last_ns + 61 * 10**9
        monkeypatch.setattr(time, "monotonic_ns", lambda: later_ns)
        of._check_stale()
        await states.until(CameraState.LIVE, CameraState.STALLED)
        assert "frozen" in of.status.reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SourceUnavailable("nothing listens"), "nothing listens"),
        (SourceStalled("has sent nothing"), "has sent nothing"),
        (ZeroDivisionError("a defect"), "internal error (ZeroDivisionError)"),
        (TimeoutError("a defect"), "internal error (TimeoutError)"),
    ],
)
async def test_source_when_it_fails_at_once_then_the_camera_says_why_and_goes_on(
    error: Exception,
    reason: str,
    short_delays: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with scripted() as (of, source, states):
        source.fail(error)
        await states.until(CameraState.FAILED)
        assert of.status.reason.startswith(reason)
        await source.running(2)
        source.send()
        await states.until(CameraState.FAILED, CameraState.LIVE)
    tracebacks = [record for record in caplog.records if record.exc_info]
    assert len(tracebacks) == (not isinstance(error, SourceError))


async def test_log_when_a_feed_is_away_for_long_then_one_line_says_so(
    short_delays: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with scripted() as (of, source, states):
        for attempt in range(1, 6):
            await source.running(attempt)
            source.fail(SourceUnavailable(f"reason {attempt}"))
        await source.running(6)
        assert of.status.reason == "reason 5"
        assert states.all == [CameraState.FAILED]
        since = of.status.since
        assert since <= time.time()
        source.send()
    mentions = [record.message for record in caplog.records if "bed" in record.message]
    assert mentions == [
        "Camera bed: failed: reason 1",
        "Camera bed: live: frames arrive (after 4 more of the last)",
    ]


async def test_stale_timer_when_a_loss_is_noticed_first_then_the_reason_stays(
    short_delays: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer of a live camera may be late; it must not speak about a failed one."""
    async with scripted() as (of, source, states):
        source.send()
        with monkeypatch.context() as patch:
            later_ns = of.latest().last_ns + 61 * 10**9
            patch.setattr(time, "monotonic_ns", lambda: later_ns)
            source.fail(SourceUnavailable("the feed closed"))
            await states.until(CameraState.LIVE, CameraState.FAILED)
            of._check_stale()
            assert of.status.state is CameraState.FAILED
            assert of.status.reason == "the feed closed"
        timer = of._stale_timer
        await source.running(2)
        source.send()
        assert timer is not None
        assert timer.cancelled()


async def test_scanner_when_the_connection_broke_in_a_frame_then_it_begins_anew(
    short_delays: None,
) -> None:
    async with scripted() as (of, source, _):
        source.send(PICTURE[:500])
        source.fail(SourceUnavailable("the feed closed"))
        await source.running(2)
        source.send(PICTURE[500:] + PICTURE)
        assert of.latest().data == PICTURE
        assert of.scanner_stats.frames == 1


async def test_fps_when_frames_came_in_one_read_then_it_is_no_division_by_zero() -> (
    None
):
    async with scripted() as (of, source, _):
        assert of.fps == 0.0
        source.send(PICTURE + PICTURE)
        assert of.fps == 0.0
        source.send()
        assert of.fps > 0


async def test_fps_when_frames_are_old_then_they_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_ns = time.monotonic_ns()
    async with scripted() as (of, _, _):
        times = [(0, now_ns + step * 100_000_000) for step in range(100)]
        monkeypatch.setattr(Receiver, "recent_ns", times)
        monkeypatch.setattr(time, "monotonic_ns", lambda: now_ns + 10 * 10**9)
        assert of.fps == pytest.approx(10.0)
        monkeypatch.setattr(time, "monotonic_ns", lambda: now_ns + 15 * 10**9)
        assert of.fps == 0.0


async def test_wait_newer_when_the_newest_is_new_enough_then_it_comes_at_once() -> None:
    async with scripted() as (of, source, _):
        source.send()
        newest = of.latest()
        assert await of.wait_newer(newest.first_ns, 0) is newest


async def test_wait_newer_when_a_frame_was_on_its_way_then_the_next_one_is_given() -> (
    None
):
    async with scripted() as (of, source, _):
        source.send(PICTURE[:100])
        asked_ns = time.monotonic_ns()
        waiters = [asyncio.create_task(of.wait_newer(asked_ns, WAIT_S))] * 3
        await asyncio.sleep(0)
        source.send(PICTURE[100:])
        await asyncio.sleep(0)
        assert not waiters[0].done()
        source.send()
        for frame in await asyncio.gather(*waiters):
            assert frame is of.newest
            assert frame.first_ns >= asked_ns


async def test_wait_newer_when_both_come_with_one_read_then_the_second_is_given() -> (
    None
):
    async with scripted() as (of, source, _):
        source.send(PICTURE[:100])
        asked_ns = time.monotonic_ns()
        waiter = asyncio.create_task(of.wait_newer(asked_ns, WAIT_S))
        await asyncio.sleep(0)
        source.send(PICTURE[100:] + PICTURE)
        assert (await waiter).seq == 2


async def test_wait_newer_when_none_comes_then_it_says_why() -> None:
    async with scripted() as (of, source, _):
        source.send()
        with pytest.raises(
            FrameUnavailable, match=r"no new frame within 0\.01 s: frames"
        ):
            await of.wait_newer(time.monotonic_ns(), 0.01)


async def test_wait_newer_when_one_waiter_is_cancelled_then_the_others_wait_on() -> (
    None
):
    async with scripted() as (of, source, _):
        waiters = [asyncio.create_task(of.wait_newer(0, WAIT_S)) for _ in range(3)]
        await asyncio.sleep(0)
        waiters[1].cancel()
        await asyncio.sleep(0)
        source.send()
        assert await waiters[0] is await waiters[2] is of.newest
        assert waiters[1].cancelled()


async def test_aclose_when_somebody_waits_then_it_is_an_error_and_no_cancellation() -> (
    None
):
    async with scripted() as (of, _, _):
        waiter = asyncio.create_task(of.wait_newer(0, WAIT_S))
        await asyncio.sleep(0)
        await of.aclose()
        with pytest.raises(FrameUnavailable, match="is closed"):
            await waiter


async def test_aclose_when_all_waiters_gave_up_then_nothing_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with scripted() as (of, _, _):
        with pytest.raises(FrameUnavailable):
            await of.wait_newer(0, 0)
        await of.aclose()
        await of.aclose()
    del of
    assert not caplog.records


async def test_aclose_when_the_camera_is_live_then_no_timer_is_left() -> None:
    async with scripted() as (of, source, _):
        source.send()
    assert of._stale_timer is not None
    assert of._stale_timer.cancelled()


def gaps_s(arrivals: list[float]) -> Iterator[float]:
    return (later - earlier for earlier, later in itertools.pairwise(arrivals))


@asynccontextmanager
async def fed(feeder: Feeder, **options: Any) -> AsyncIterator[Camera]:
    config = CameraConfig(name="bed", source=feeder.url, **options)
    of = Camera(config, open_source(config, HOST))
    of.start()
    try:
        yield of
    finally:
        await of.aclose()


async def test_reconnect_when_a_feed_closes_at_once_then_it_is_not_hammered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera, "FIRST_DELAY_S", 0.02)
    monkeypatch.setattr(camera, "LAST_DELAY_S", 0.16)
    next_s: list[float] = []
    async with Feeder() as feeder, fed(feeder) as of:
        feeder.closes_at_once = True
        for count in range(1, 8):
            await feeder.arrived(count)
            next_s.append(of._backoff.delay_s)
        gaps = list(gaps_s(feeder.arrivals))
    expected = (0.02, 0.04, 0.08, 0.16, 0.16, 0.16)
    for gap, delay_s in zip(gaps, expected, strict=False):
        assert 0.8 * delay_s <= gap
    # A busy host adds to the pauses, so how long they are meant to be is looked at.
    assert max(next_s) == 0.16


async def test_reconnect_when_a_good_frame_came_then_the_delay_is_short_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera, "FIRST_DELAY_S", 0.02)
    monkeypatch.setattr(camera, "LAST_DELAY_S", 0.64)
    async with Feeder() as feeder, fed(feeder) as of:
        feeder.closes_at_once = True
        await feeder.arrived(5)
        feeder.closes_at_once = False
        await feeder.arrived(6)
        assert of._backoff.delay_s == 0.64
        await feeder.send(b"junk, no frame" * 100)
        await feeder.send(PICTURE)
        await of.wait_newer(0, WAIT_S)
        await feeder.close()
        await feeder.arrived(7)
        assert of._backoff.delay_s == 0.04  # after a pause of 0.02


async def test_feed_when_it_goes_and_comes_back_then_frames_go_on(
    short_delays: None,
) -> None:
    async with Feeder() as feeder, fed(feeder, stale_after_s=LONGER_S) as of:
        states = States(of)
        await feeder.arrived(1)
        await feeder.send(PICTURE)
        await feeder.refuse()
        await feeder.reset()
        await states.until(CameraState.LIVE, CameraState.FAILED)
        await feeder.listen()
        arrived = len(feeder.arrivals)
        await feeder.arrived(arrived + 1)
        assert "nothing listens" in of.status.reason
        await feeder.send(jpeg.picture(64, 48, seed=1))
        await states.until(CameraState.LIVE, CameraState.FAILED, CameraState.LIVE)
        assert of.latest().data == jpeg.picture(64, 48, seed=1)


async def test_feed_when_it_freezes_then_old_frames_do_not_make_it_live_again() -> None:
    """The thread tells of few frames; what it has of old ones then is no news."""
    async with Feeder() as feeder, fed(feeder, stale_after_s=LONGER_S) as of:
        states = States(of)
        await feeder.arrived(1)
        await feeder.send(PICTURE)
        await states.until(CameraState.LIVE)
        await feeder.send(PICTURE)
        await states.until(CameraState.LIVE, CameraState.STALLED)
        await asyncio.sleep(3 * SHORT_S)  # time enough to be mistaken
        assert states.all == [CameraState.LIVE, CameraState.STALLED]
        await feeder.send(PICTURE)
        await states.until(CameraState.LIVE, CameraState.STALLED, CameraState.LIVE)
