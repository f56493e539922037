# Tests of a camera's attempts at its source.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is noted of each, when the next one comes, and who is told what."""

from __future__ import annotations

import asyncio
import time

import pytest

from moonraker_prusacam.camera import Camera, CameraState
from moonraker_prusacam.camera.attempt import Attempt, Stage
from moonraker_prusacam.camera.backoff import Backoff
from moonraker_prusacam.errors import (
    FrameUnavailable,
    SourceRefused,
    SourceUnavailable,
)
from tests.support.staged_source import PICTURE, NeedsFfmpeg, StagedSource, camera_of

WAIT_S = 10.0
LONG_S = 3600.0


async def until(camera: Camera, state: CameraState) -> None:
    async with asyncio.timeout(WAIT_S):
        while camera.status.state is not state:  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def test_attempt_when_stages_are_reached_then_each_has_its_duration() -> None:
    attempt = Attempt()
    await asyncio.sleep(0.02)
    attempt.reached(Stage.AUTHENTICATED)
    assert not attempt.settled.is_set()
    await asyncio.sleep(0.02)
    attempt.reached(Stage.FIRST_FRAME)
    attempt.reached(Stage.REACHABLE)  # again, and late
    durations = attempt.durations_s
    assert list(durations) == list(Stage)
    assert durations[Stage.REACHABLE] >= 0.02
    assert durations[Stage.AUTHENTICATED] == 0
    assert durations[Stage.FIRST_FRAME] >= 0.02
    assert attempt.settled.is_set()
    over = [attempt.is_over]
    assert attempt.since_s <= attempt.age_s - 0.04
    attempt.end(None)
    since_s = attempt.since_s
    await asyncio.sleep(0.01)
    assert attempt.since_s == since_s
    over.append(attempt.is_over)
    assert over == [False, True]
    assert attempt.error is None


async def test_backoff_when_hastened_then_the_pause_ends_but_not_its_least() -> None:
    backoff = Backoff(LONG_S)
    assert backoff.left_alone_s == 0
    for least_s in (0.0, 0.1):
        begun = time.monotonic()
        pausing = asyncio.create_task(backoff.pause(LONG_S, least_s))
        await asyncio.sleep(0)
        left_s = backoff.left_alone_s
        assert least_s - (time.monotonic() - begun) <= left_s <= least_s
        backoff.hasten()
        async with asyncio.timeout(WAIT_S):
            await pausing
        assert time.monotonic() - begun >= least_s - 0.01
        assert backoff.left_alone_s == 0
    # A hurry of before does not count.
    backoff.reset(0.05)
    begun = time.monotonic()
    await backoff.pause(LONG_S, 0.0)
    assert time.monotonic() - begun >= 0.04
    assert backoff.delay_s == 0.1


async def test_retry_when_it_reads_then_nothing_happens() -> None:
    source = StagedSource(PICTURE)
    async with camera_of(source) as camera:
        await camera.wait_newer(0, WAIT_S)
        attempt = camera.attempt
        assert camera.retry() == 0
        await asyncio.sleep(0.02)
        assert source.runs == 1
        assert camera.attempt is attempt


async def test_next_attempt_when_waited_for_then_it_is_the_one_that_began() -> None:
    source = StagedSource(SourceUnavailable("away"))
    async with camera_of(source) as camera:
        await until(camera, CameraState.FAILED)
        first = camera.attempt
        assert first.error is not None
        waiting = [asyncio.create_task(camera.next_attempt()) for _ in range(3)]
        await asyncio.sleep(0)
        camera.retry()
        attempts = await asyncio.gather(*waiting)
        assert set(attempts) == {camera.attempt} != {first}


async def test_on_demand_when_refused_then_demand_does_not_knock_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cameras lock out who knocks with a wrong password again and again."""
    monkeypatch.setattr("moonraker_prusacam.camera.demand.LOOK_S", 0.01)
    monkeypatch.setattr(SourceRefused, "least_delay_s", LONG_S)
    error = SourceRefused("the password is wrong", advice="compare it")
    source = StagedSource(error)
    async with camera_of(source, on_demand=True, grace_s=0.02) as camera:
        for _ in range(3):
            await until(camera, CameraState.IDLE)
            with camera.hold():
                await until(camera, CameraState.FAILED)
                assert camera.status.reason == "the password is wrong"
                assert camera.status.advice == "compare it"
        assert source.runs == 1


async def test_on_demand_when_refused_a_while_ago_then_it_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SourceRefused, "least_delay_s", 0.3)
    source = StagedSource(SourceRefused("the password is wrong"))
    begun = time.monotonic()
    async with camera_of(source, on_demand=True) as camera:
        with camera.hold():
            await source.running(2)
        assert time.monotonic() - begun >= 0.3


async def test_source_when_ffmpeg_is_missing_then_the_camera_says_that(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with camera_of(NeedsFfmpeg()) as camera:
        await until(camera, CameraState.FAILED)
        with pytest.raises(FrameUnavailable, match="/nowhere/ffmpeg cannot be run"):
            camera.latest()
    assert not [record for record in caplog.records if record.exc_info]


async def test_state_when_it_changes_then_told_once_and_not_with_every_retry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("moonraker_prusacam.camera.camera.FIRST_DELAY_S", 0.01)
    monkeypatch.setattr("moonraker_prusacam.camera.camera.LAST_DELAY_S", 0.01)
    monkeypatch.setattr("moonraker_prusacam.camera.demand.LOOK_S", 0.01)
    told: list[tuple[CameraState, str, str]] = []
    source = StagedSource(SourceUnavailable("switched off", advice="switch it on"))
    async with camera_of(source, on_demand=True, grace_s=0.3) as camera:

        def note(of: Camera) -> None:
            told.append((of.status.state, of.status.reason, of.status.advice))

        camera.on_state.append(note)
        await until(camera, CameraState.IDLE)
        with camera.hold():
            await source.running(6)
            source.steps = (PICTURE,)
            await until(camera, CameraState.LIVE)
        await until(camera, CameraState.IDLE)
    assert [state for state, _, _ in told] == [
        CameraState.IDLE,
        CameraState.CONNECTING,
        CameraState.FAILED,
        CameraState.LIVE,
        CameraState.IDLE,
    ]
    assert told[2][1:] == ("switched off", "switch it on")
    assert all(reason for _, reason, _ in told)
