# Tests of the test of a camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each stage reached and not reached, and never a connection of its own."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera import Camera, CameraState, examination
from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.examination import Examiner, StageStatus, examine
from moonraker_prusacam.camera.sources import Host, open_source
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.emulator.camera import SyntheticCamera
from moonraker_prusacam.errors import (
    CameraBusy,
    SourceRefused,
    SourceUnavailable,
    SourceUnfit,
)
from tests.support.feeder import Feeder
from tests.support.staged_source import PICTURE, StagedSource, camera_of

if TYPE_CHECKING:
    from moonraker_prusacam.camera.examination import Examination

WAIT_S = 10.0
LONG_S = 3600.0
NAMES = ["reachable", "authenticated", "first_frame", "resolution", "fps"]
OK, FAILED, SKIPPED = StageStatus.OK, StageStatus.FAILED, StageStatus.SKIPPED


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "MEASURE_S", 0.1)
    monkeypatch.setattr(examination, "THAW_S", 0.2)


def states(found: Examination) -> list[StageStatus]:
    assert [stage.name for stage in found.stages] == NAMES
    return [stage.status for stage in found.stages]


async def until(camera: Camera, state: CameraState) -> None:
    async with asyncio.timeout(WAIT_S):
        while camera.status.state is not state:  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def test_examine_when_live_then_at_once_and_by_the_same_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(delay_s: float) -> None:
        raise AssertionError(f"it waits for {delay_s} s")

    source = StagedSource(Stage.REACHABLE, 0.02, Stage.AUTHENTICATED, 0.02, PICTURE)
    async with camera_of(source) as camera:
        await camera.wait_newer(0, WAIT_S)
        for _ in range(4):
            await asyncio.sleep(0.04)
            source.send()
        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "sleep", never)
            found = await examine(camera, WAIT_S)
        assert source.runs == camera.connects == 1
    assert states(found) == [OK] * 5
    _, authenticated, first_frame, resolution, fps = found.stages
    for stage in (authenticated, first_frame):  # the pauses are of these alone
        assert stage.duration_s is not None
        assert stage.duration_s > 0.015
    assert resolution.found == "64x48"
    assert fps.found.endswith(" frames a second")
    assert found.fps is not None
    assert 0 < found.fps < 50
    told = found.as_dict()
    assert told["success"] is True
    assert told["message"] == f"64x48, {fps.found}"
    assert "error" not in told
    assert (told["width"], told["height"]) == (64, 48)
    json.dumps(told)


async def test_examine_when_it_has_just_begun_then_frames_are_counted_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(examination, "MEASURE_S", 1.0)
    feed = SyntheticCamera(width=64, height=48, fps=50)
    await feed.start()
    url = f"tcp://127.0.0.1:{feed.port}"
    config = CameraConfig("bed", source=url)
    camera = Camera(config, open_source(config, Host(Path("/nowhere"))))
    camera.start()
    try:
        found = await examine(camera, WAIT_S)
        assert camera.connects == 1
    finally:
        await camera.aclose()
        await feed.aclose()
    assert states(found) == [OK] * 5
    assert found.fps is not None
    assert 1 < found.fps < 70
    measured_s = found.stages[-1].duration_s
    assert measured_s is not None
    assert measured_s > 0.5


@pytest.mark.parametrize("has_run", [False, True])
async def test_examine_when_idle_then_it_is_woken_and_rests_again(
    has_run: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moonraker_prusacam.camera.demand.LOOK_S", 0.02)
    source = StagedSource(0.05, PICTURE, 0.02, PICTURE)
    async with camera_of(source, on_demand=True, grace_s=0.05) as camera:
        if has_run:
            with camera.hold():
                await until(camera, CameraState.LIVE)
        await until(camera, CameraState.IDLE)
        assert source.runs == has_run
        found = await examine(camera, WAIT_S)
        assert states(found) == [OK] * 5
        assert source.runs == camera.connects == 1 + has_run
        await until(camera, CameraState.IDLE)
        assert not source.is_open


@pytest.mark.parametrize(
    ("reached", "failed"),
    [
        ([], "reachable"),
        ([Stage.REACHABLE], "authenticated"),
        ([Stage.REACHABLE, Stage.AUTHENTICATED], "first_frame"),
        ([Stage.AUTHENTICATED], "first_frame"),
    ],
)
@pytest.mark.parametrize("is_late", [False, True])
async def test_examine_when_a_stage_is_not_reached_then_it_carries_the_reason(
    reached: list[Stage], failed: str, is_late: bool
) -> None:
    error = SourceUnavailable("it is switched off", advice="switch it on")
    source = StagedSource(*reached, *(() if is_late else (0.02, error)))
    async with camera_of(source) as camera:
        found = await examine(camera, 0.3 if is_late else WAIT_S)
    place = NAMES.index(failed)
    assert states(found) == [OK] * place + [FAILED] + [SKIPPED] * (4 - place)
    stage = found.failed
    assert stage is not None
    told = found.as_dict()
    assert told["success"] is False
    assert told["error"] == stage.found
    assert told["advice"] == stage.advice != ""
    assert "message" not in told
    if is_late:
        assert stage.found == examination.TOO_LATE[Stage(failed)][0]
    else:
        assert (stage.found, stage.advice) == ("it is switched off", "switch it on")
    assert stage.duration_s is not None
    assert stage.duration_s > 0.015
    assert [one["duration_ms"] for one in told["stages"]][place + 1 :] == [None] * (
        4 - place
    )


async def test_examine_when_the_camera_has_failed_then_it_tries_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("moonraker_prusacam.camera.camera.FIRST_DELAY_S", LONG_S)
    monkeypatch.setattr("moonraker_prusacam.camera.camera.LAST_DELAY_S", LONG_S)
    source = StagedSource(SourceUnavailable("it is switched off"))
    async with camera_of(source) as camera:
        await until(camera, CameraState.FAILED)
        found = await examine(camera, WAIT_S)
        assert found.failed is not None
        assert found.failed.found == "it is switched off"
        assert source.runs == 2
        source.steps = (PICTURE, 0.02, PICTURE)
        assert states(await examine(camera, WAIT_S)) == [OK] * 5
        assert source.runs == 3
        assert camera.status.state is CameraState.LIVE


async def test_examine_when_just_refused_then_the_camera_is_left_alone() -> None:
    error = SourceRefused("the password is wrong", advice="compare it")
    source = StagedSource(Stage.REACHABLE, error)
    async with camera_of(source) as camera:
        await until(camera, CameraState.FAILED)
        many = await asyncio.gather(*(examine(camera, WAIT_S) for _ in range(20)))
        found = many[0]
        assert source.runs == 1
    assert states(found) == [OK, FAILED, *([SKIPPED] * 3)]
    assert found.failed is not None
    told = re.fullmatch(
        r"the password is wrong; asked again in (\d+) s", found.failed.found
    )
    assert told is not None
    assert 30 - WAIT_S < int(told[1]) <= 30
    assert found.failed.advice == "compare it"


async def test_examine_when_refused_for_a_short_time_then_that_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SourceUnfit, "least_delay_s", 0.2)
    source = StagedSource(SourceUnfit("it sends HTML"))
    begun = time.monotonic()
    async with camera_of(source) as camera:
        await until(camera, CameraState.FAILED)
        source.steps = (PICTURE, 0.02, PICTURE)
        assert states(await examine(camera, WAIT_S)) == [OK] * 5
        assert time.monotonic() - begun >= 0.2
        assert source.runs == 2


async def test_examine_when_frozen_then_the_first_frame_is_no_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = StagedSource(PICTURE)
    async with camera_of(source, stale_after_s=0.1) as camera:
        await until(camera, CameraState.STALLED)
        found = await examine(camera, WAIT_S)
        assert source.runs == 1
        assert states(found) == [OK, OK, FAILED, SKIPPED, SKIPPED]
        assert found.failed is not None
        assert "frozen" in found.failed.found
        assert found.failed.advice
        # A frame that comes after all is one.
        monkeypatch.setattr(examination, "THAW_S", WAIT_S)
        examining = asyncio.create_task(examine(camera, WAIT_S))
        async with asyncio.timeout(WAIT_S):
            while camera._next is None:  # noqa: ASYNC110 - nobody tells who waits
                await asyncio.sleep(0.002)
        source.send()
        assert FAILED not in states(await examining)


async def test_examine_when_it_breaks_off_then_counting_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(examination, "MEASURE_S", 1.0)
    error = SourceUnavailable("it closed the connection", advice="run it in a loop")
    source = StagedSource(PICTURE, PICTURE, 0.02, error)
    async with camera_of(source) as camera:
        found = await examine(camera, WAIT_S)
    assert states(found) == [OK, OK, OK, OK, FAILED]
    assert found.failed is not None
    assert "broke off" in found.failed.found
    assert "it closed the connection" in found.failed.found
    assert found.failed.advice == "run it in a loop"


async def test_examine_when_frames_are_rare_then_the_rate_is_left_out() -> None:
    source = StagedSource(PICTURE)
    async with camera_of(source) as camera:
        found = await examine(camera, WAIT_S)
    assert states(found) == [OK, OK, OK, OK, SKIPPED]
    told = found.as_dict()
    assert told["success"] is True
    assert told["fps"] is None
    assert "less than two frames" in told["message"]


async def test_examine_when_the_camera_is_closed_then_it_ends() -> None:
    source = StagedSource()
    async with camera_of(source) as camera:
        examining = asyncio.create_task(examine(camera, timeout_s=0.5))
        await source.running(1)
        await camera.aclose()
        found = await examining
        assert found.failed is not None
        assert states(await examine(camera, timeout_s=0.2)).count(FAILED) == 1


async def test_examine_when_cancelled_then_nobody_holds_the_camera() -> None:
    source = StagedSource()
    async with camera_of(source, on_demand=True) as camera:
        examining = asyncio.create_task(examine(camera, WAIT_S))
        await source.running(1)
        assert camera.demand.consumers == 1
        examining.cancel()
        await asyncio.gather(examining, return_exceptions=True)
        assert camera.demand.consumers == 0


async def test_examiner_when_two_ask_then_the_second_is_told_so() -> None:
    examiner, go_on = Examiner(), asyncio.Event()
    source = StagedSource(go_on, PICTURE, 0.02, PICTURE)
    async with camera_of(source) as camera:
        first = asyncio.create_task(examiner.examine(camera))
        await source.running(1)
        with pytest.raises(CameraBusy, match="'bed' is being tested already"):
            await examiner.examine(camera)
        go_on.set()
        assert FAILED not in states(await first)
        assert FAILED not in states(await examiner.examine(camera))


@pytest.mark.parametrize("steps", [(), (PICTURE,)])
async def test_examine_when_asked_many_times_then_one_client_is_all_the_feed_sees(
    steps: Any,
) -> None:
    async with Feeder() as feeder:
        config = CameraConfig("bed", source=feeder.url)
        camera = Camera(config, open_source(config, Host(Path("/nowhere"))))
        camera.start()
        try:
            await feeder.arrived(1)
            for data in steps:
                await feeder.send(data)
            await asyncio.gather(*(examine(camera, timeout_s=0.3) for _ in range(10)))
            assert len(feeder.arrivals) == 1
        finally:
            await camera.aclose()
