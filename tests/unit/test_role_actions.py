# What Prusa Connect can have a camera of ours do.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions of the camera role over a real timelapse and its printer's events."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from moonraker_prusacam.connect.signaling.camera_actions import (
    Ability,
    CameraActions,
)
from moonraker_prusacam.connect.signaling.messages import FileState, Switch, VideoState
from moonraker_prusacam.errors import FramesNotFound, TimelapseError
from moonraker_prusacam.role_actions import NO_JOB, RoleActions
from moonraker_prusacam.timelapse import Job, JobState
from tests.support.timelapse import WAIT_S, Host, Printer, videos

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.connect.uploader import SnapshotUploader
    from moonraker_prusacam.timelapse import Timelapse


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    opened = Host(tmp_path)
    yield opened
    await opened.aclose()


def actions(timelapse: Timelapse | None, camera: str = "front") -> RoleActions:
    uploader = SimpleNamespace(camera=SimpleNamespace(name=camera))
    return RoleActions(cast("SnapshotUploader", uploader), timelapse)


async def record(host: Host, timelapse: Timelapse, layers: int = 3) -> Printer:
    """Begin a print, and see that its layers are on disk."""
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, layers)
    await host.frames(layers)
    return printer


async def test_abilities_then_only_the_camera_that_records_has_the_timelapse(
    host: Host,
) -> None:
    timelapse = await host.boot()
    assert set(actions(timelapse).abilities) == set(Ability)
    uploads = {Ability.SNAPSHOT, Ability.INTERVAL}
    assert set(actions(timelapse, "side").abilities) == uploads
    assert set(actions(None).abilities) == uploads
    await timelapse.configure({"camera": "side"})
    assert set(actions(timelapse).abilities) == uploads
    assert set(actions(timelapse, "side").abilities) == set(Ability)
    with pytest.raises(TimelapseError, match="records no timelapse"):
        await actions(timelapse).enable_timelapse(True)


async def test_status_when_videos_come_then_it_tells_of_them_and_of_the_disk(
    host: Host,
) -> None:
    timelapse = await host.boot()
    ours = actions(timelapse)
    status = await ours.status()
    assert (status.timelapse, status.video) == (Switch.ON, VideoState.IDLE)
    assert status.storage is Switch.OFF  # no video was ever made
    printer = await record(host, timelapse)
    await printer.tell("complete", "complete")
    await host.rendered()
    status = await ours.status()
    assert (status.video, status.storage) == (VideoState.DONE, Switch.ON)
    assert status.storage_total_mb
    assert status.storage_free_mb
    assert status.storage_total_mb > status.storage_free_mb
    assert (await actions(None).status()).timelapse is None


async def test_timelapse_when_switched_off_then_no_print_to_come_is_recorded(
    host: Host,
) -> None:
    timelapse = await host.boot()
    ours = actions(timelapse)
    await timelapse.configure({"autorender": False})
    await ours.enable_timelapse(False)
    (told,) = host.events.of("settings")
    assert told["settings"] == {"enabled": False}
    assert (await ours.status()).timelapse is Switch.OFF
    await Printer(timelapse).begin()
    assert timelapse.active is None
    again = await host.boot()
    assert not again.is_enabled
    await actions(again).enable_timelapse(True)
    await Printer(again).begin()
    assert again.active is not None


async def test_job_name_when_a_print_is_recorded_then_its_video_is_called_so(
    host: Host,
) -> None:
    timelapse = await host.boot()
    ours = actions(timelapse)
    await ours.set_job_name(NO_JOB)  # which the web page tells while nothing is printed
    with pytest.raises(TimelapseError, match="no print is recorded"):
        await ours.set_job_name("cube")
    printer = await record(host, timelapse)
    await ours.set_job_name("../A gift/for you")
    assert timelapse.active is not None
    stored = await asyncio.to_thread(Job.load, timelapse.active.path)
    assert stored.record.title == "../A gift/for you"
    await printer.tell("complete", "complete")
    await host.rendered()
    (name,) = videos(host.videos_path)
    assert name.startswith("for you_2")
    assert [(file.name, file.state) for file in await ours.files()] == [
        (name, FileState.DONE)
    ]


async def test_video_when_the_print_is_not_over_then_it_is_not_cut_short(
    host: Host,
) -> None:
    timelapse = await host.boot()
    ours = actions(timelapse)
    with pytest.raises(FramesNotFound):
        await ours.make_video()
    await record(host, timelapse)
    with pytest.raises(TimelapseError, match="not over"):
        await ours.make_video()
    assert timelapse.active is not None


@pytest.mark.parametrize("auto_render", [True, False])
async def test_video_when_the_print_is_over_then_it_is_there_afterwards(
    host: Host, auto_render: bool
) -> None:
    timelapse = await host.boot(auto_render=auto_render)
    ours = actions(timelapse)
    printer = await record(host, timelapse)
    await printer.tell("complete", "complete")
    await host.events.until(
        lambda: timelapse.jobs[0].record.state is not JobState.RECORDING
    )
    async with asyncio.timeout(WAIT_S):
        await ours.make_video()
        assert len(videos(host.videos_path)) == 1
        await ours.make_video()  # which makes no second one
    assert len(videos(host.videos_path)) == 1


async def test_video_when_it_fails_then_error_says_why_and_the_list_has_it(
    host: Host,
) -> None:
    timelapse = await host.boot(auto_render=False)
    ours = actions(timelapse)
    printer = await record(host, timelapse)
    await printer.tell("complete", "complete")
    await host.events.until(lambda: host.events.of("unrendered"))
    host.videos_path.parent.mkdir(parents=True, exist_ok=True)
    host.videos_path.write_text("not a folder")
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(TimelapseError, match="timelapse"):
            await ours.make_video()
    host.videos_path.unlink()
    assert [file.state for file in await ours.files()] == [FileState.ERROR]


async def test_video_when_the_job_is_discarded_meanwhile_then_nobody_waits_for_it(
    host: Host,
) -> None:
    timelapse = await host.boot(auto_render=False)
    printer = await record(host, timelapse)
    await printer.tell("complete", "complete")
    await host.events.until(lambda: host.events.of("unrendered"))
    (job,) = timelapse.jobs
    waiting = asyncio.ensure_future(timelapse.wait_rendered(job))
    await timelapse.discard(job.record.id)
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(FramesNotFound):
            await waiting


def test_protocol_then_the_actions_have_all_of_it() -> None:
    wanted = {name for name in vars(CameraActions) if not name.startswith("_")}
    assert wanted <= set(dir(RoleActions))
