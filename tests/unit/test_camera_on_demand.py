# Tests of cameras that run while somebody wants them, and of their first frames.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who wakes a camera, how long it stays awake, and what of its start is shown."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.camera import CameraState, camera, demand
from moonraker_prusacam.camera.attempt import Attempt, Stage
from moonraker_prusacam.errors import (
    FrameUnavailable,
    SourceRefused,
    SourceUnavailable,
)
from tests.support import jpeg
from tests.support.clock import DemandClock
from tests.support.scripted_camera import scripted

if TYPE_CHECKING:
    from collections.abc import Callable

IDLE, CONNECTING, LIVE, FAILED = (
    CameraState.IDLE,
    CameraState.CONNECTING,
    CameraState.LIVE,
    CameraState.FAILED,
)
WAIT_S = 10.0
GRACE_S = 0.1
PICTURES = [jpeg.picture(64, 48, seed=seed) for seed in range(5)]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demand, "LOOK_S", 0.01)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def test_camera_when_nobody_wants_it_then_the_source_is_not_opened() -> None:
    async with scripted(on_demand=True) as (of, source, states):
        await states.until(IDLE)
        assert "nobody watches" in of.status.reason
        assert of.status.advice == ""
        with pytest.raises(FrameUnavailable, match="nobody watches"):
            of.latest()
        assert source.runs == of.connects == 0


async def test_camera_when_held_then_it_runs_until_the_grace_after_that() -> None:
    async with scripted(on_demand=True, grace_s=GRACE_S) as (of, source, states):
        with of.hold():
            await source.running(1)
            source.send()
            await states.until(IDLE, CONNECTING, LIVE)
            await asyncio.sleep(3 * GRACE_S)  # longer than the grace period
            assert of.demand.consumers == 1
            assert of.status.state is LIVE
            left_s = time.monotonic()
        await states.until(IDLE, CONNECTING, LIVE, IDLE)
        assert time.monotonic() - left_s >= GRACE_S
        assert source.deliver is None  # it has been let go of
        with of.hold():
            await source.running(2)


async def test_camera_when_touched_again_in_the_grace_period_then_it_runs_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = DemandClock(monkeypatch)
    async with scripted(on_demand=True, grace_s=GRACE_S) as (of, source, states):
        of.demand.touch()
        await source.running(1)
        source.send()
        for _ in range(10):
            clock.now_s += GRACE_S * 0.9
            await clock.looked()
            of.demand.touch()
        assert states.all == [IDLE, CONNECTING, LIVE]
        assert source.runs == 1
        clock.now_s += GRACE_S * 1.1
        await states.until(IDLE, CONNECTING, LIVE, IDLE)


async def test_camera_when_viewers_are_counted_then_it_runs_while_there_are_any() -> (
    None
):
    viewers = 1
    async with scripted(on_demand=True, grace_s=GRACE_S) as (of, source, states):
        of.demand.count(lambda: viewers)
        of.demand.touch()
        await source.running(1)
        source.send()
        await asyncio.sleep(3 * GRACE_S)
        assert of.status.state is LIVE
        viewers = 0
        await states.until(IDLE, CONNECTING, LIVE, IDLE)


async def test_wait_newer_when_the_camera_is_idle_then_it_is_woken() -> None:
    async with scripted(on_demand=True) as (of, source, _):
        waiting = asyncio.create_task(of.wait_newer(0, WAIT_S))
        await source.running(1)
        source.send(PICTURES[1])
        assert (await waiting).data == PICTURES[1]


async def test_wake_when_the_first_frame_comes_then_it_is_there() -> None:
    async with scripted(on_demand=True) as (of, source, _):
        waking = asyncio.create_task(of.wake(WAIT_S))
        await source.running(1)
        assert not waking.done()
        source.send()
        await waking
        assert of.latest()


async def test_wake_when_the_source_fails_then_nobody_waits_for_longer() -> None:
    async with scripted(on_demand=True) as (of, source, _):
        waking = asyncio.create_task(of.wake(WAIT_S))
        await source.running(1)
        source.fail(SourceUnavailable("it is off", advice="switch it on"))
        await waking
        with pytest.raises(FrameUnavailable, match="it is off: switch it on"):
            of.latest()


async def test_wake_when_nothing_comes_then_it_ends_in_time() -> None:
    async with scripted(on_demand=True) as (of, _, _):
        await of.wake(GRACE_S)
        assert of.status.state is CONNECTING


async def test_wake_when_the_camera_always_runs_then_nobody_waits() -> None:
    async with scripted() as (of, _, _):
        await of.wake(WAIT_S)
        assert of.status.state is CONNECTING


async def test_camera_when_it_failed_and_nobody_wants_it_then_it_is_idle_again() -> (
    None
):
    async with scripted(on_demand=True, grace_s=GRACE_S) as (of, source, states):
        with of.hold():
            await source.running(1)
            source.fail(SourceUnavailable("it is off"))
            await states.until(IDLE, CONNECTING, FAILED)
        await states.until(IDLE, CONNECTING, FAILED, IDLE)
        with of.hold():
            await source.running(2)
            source.send()
            await states.until(IDLE, CONNECTING, FAILED, IDLE, CONNECTING, LIVE)


@pytest.mark.parametrize("on_demand", [False, True])
async def test_camera_when_closed_then_the_source_is_let_go_of(on_demand: bool) -> None:
    async with scripted(on_demand=on_demand) as (of, source, _):
        of.demand.touch()
        await source.running(1)
        await of.aclose()
        assert source.deliver is None


async def test_frames_when_the_camera_warms_up_then_the_first_ones_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera, "FIRST_DELAY_S", 0.01)
    async with scripted(warmup_frames=2) as (of, source, states):
        seen: list[bytes] = []
        of.subscribe(lambda frame: seen.append(bytes(frame.data)))
        source.send(PICTURES[0])
        assert of.newest is None
        assert of.status.state is CONNECTING
        source.send(PICTURES[1] + PICTURES[2])
        assert of.latest().data == PICTURES[2]
        source.send(PICTURES[3])
        # A camera that begins again has to warm up again.
        source.fail(SourceUnavailable("it was unplugged"))
        await source.running(2)
        source.send(PICTURES[0] + PICTURES[1])
        assert of.latest().data == PICTURES[3]
        source.send(PICTURES[4])
        assert of.latest().data == PICTURES[4]
        assert seen == PICTURES[2:5]
        await states.until(LIVE)


async def test_wait_newer_when_the_camera_warms_up_then_no_dark_frame_is_given() -> (
    None
):
    async with scripted(warmup_frames=1) as (of, source, _):
        waiting = asyncio.create_task(of.wait_newer(0, WAIT_S))
        await asyncio.sleep(0)
        source.send(PICTURES[0])
        source.send(PICTURES[1])
        assert (await waiting).data == PICTURES[1]


async def test_source_when_it_refuses_then_it_is_not_asked_again_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def skipping(delay_s: float) -> None:
        waits.append(delay_s)
        await sleep(0)

    async with scripted() as (of, source, states):
        monkeypatch.setattr(asyncio, "sleep", skipping)
        source.fail(SourceRefused("wrong password", advice="compare it"))
        await source.running(2)
        source.fail(SourceUnavailable("it is off"))
        await source.running(3)
        assert waits[0] >= SourceRefused.least_delay_s
        assert waits[1] <= camera.LAST_DELAY_S
        await states.until(FAILED)
        assert (of.status.reason, of.status.advice) == ("it is off", "")


async def test_attempt_when_frames_come_then_its_stages_are_noted() -> None:
    async with scripted() as (of, source, _):
        first = of.attempt
        assert first.durations_s == {}
        source.send()
        assert list(first.durations_s) == list(Stage)
        source.fail(SourceUnavailable("it was unplugged"))
        await source.running(2)
        assert of.attempt is not first
        assert of.attempt.durations_s == {}


def test_attempt_when_a_stage_is_left_out_then_it_took_no_time() -> None:
    attempt = Attempt()
    attempt.reached(Stage.AUTHENTICATED)
    attempt.reached(Stage.REACHABLE)  # too late
    assert list(attempt.durations_s) == [Stage.REACHABLE, Stage.AUTHENTICATED]
    assert attempt.durations_s[Stage.AUTHENTICATED] == 0.0
    assert attempt.age_s >= attempt.durations_s[Stage.REACHABLE] > 0.0


async def test_status_when_it_is_told_then_advice_comes_with_it() -> None:
    async with scripted() as (of, source, states):
        source.fail(SourceUnavailable("nothing listens", advice="start the feed"))
        await states.until(FAILED)
        assert of.status.reason == "nothing listens"
        assert of.status.advice == "start the feed"
        assert str(of.status) == "nothing listens: start the feed"
