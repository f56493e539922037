# Tests of frames that come by time.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Intervals begin, change, pause and end with the print, whatever the camera's lag."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.errors import FrameUnavailable
from tests.support.timelapse import Host, Printer, StubCamera, frame_names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.camera import Frame
    from moonraker_prusacam.timelapse import Job, Timelapse


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    opened = Host(tmp_path)
    yield opened
    await opened.aclose()


def active(timelapse: Timelapse) -> Job:
    assert timelapse.active is not None
    return timelapse.active


async def test_interval_when_the_print_has_not_begun_then_no_frame(host: Host) -> None:
    timelapse = await host.boot(trigger="interval", interval_s=0.5)
    printer = Printer(timelapse)
    printer.layer = 0
    await printer.tell("started", "printing")
    await asyncio.sleep(0)
    assert frame_names(active(timelapse)) == []
    await printer.print_layers(1, 1)
    await host.frames(2)


async def test_hyperlapse_when_it_is_started_by_hand_then_frames_come_by_time(
    host: Host,
) -> None:
    timelapse = await host.boot(trigger="macro")
    assert not await timelapse.keep_interval(0.5)
    printer = Printer(timelapse)
    await printer.begin()
    assert await timelapse.keep_interval(0.5)
    await host.frames(2)
    assert await timelapse.keep_interval(None)


async def test_hyperlapse_when_it_is_stopped_in_a_pause_then_it_can_be_started_again(
    host: Host,
) -> None:
    timelapse = await host.boot(trigger="macro")
    printer = Printer(timelapse)
    printer.layer = 0
    await printer.tell("started", "printing")
    await timelapse.keep_interval(0.5)
    await asyncio.sleep(0)  # it waits for the first layer now
    await timelapse.keep_interval(None)
    await printer.print_layers(1, 1)
    await asyncio.sleep(0)  # it goes on
    assert host.camera.requests == []
    await timelapse.keep_interval(0.5)
    await host.frames(2)


async def test_hyperlapse_when_its_interval_becomes_short_then_that_holds_at_once(
    host: Host,
) -> None:
    timelapse = await host.boot(trigger="macro")
    printer = Printer(timelapse)
    await printer.begin()
    await timelapse.keep_interval(3600.0)
    await host.frames(1)
    await timelapse.keep_interval(0.5)
    await host.frames(3)


class LaggingCamera(StubCamera):
    """Has a frame of a moment when that has come, as cameras do."""

    async def wait_newer(self, than_ns: int, timeout_s: float) -> Frame:
        ahead_s = (than_ns - time.monotonic_ns()) / 1e9
        if ahead_s > timeout_s:
            raise FrameUnavailable("no new frame in time")
        await asyncio.sleep(min(ahead_s, 1.0))
        return await super().wait_newer(than_ns, timeout_s)


async def test_interval_when_it_is_shorter_than_the_lag_then_the_job_ends(
    host: Host,
) -> None:
    host.camera = LaggingCamera()
    timelapse = await host.boot(trigger="interval", interval_s=0.5, frame_delay_s=1.0)
    printer = Printer(timelapse)
    await printer.begin()
    await host.frames(2)
    await printer.tell("complete", "complete")
    assert (await host.rendered())["gaps"] == 0


async def test_print_when_the_picture_lags_by_seconds_then_its_frames_are_waited_for(
    host: Host,
) -> None:
    host.camera = LaggingCamera()
    timelapse = await host.boot(frame_delay_s=5.0)
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 1)
    await host.frames(1)
    record = active(timelapse).record
    assert (record.frames, record.gaps) == (1, 0)
