# An engine whose camera answers Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole engine at the local Prusa Connect, asked and switched by a viewer."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest

from moonraker_prusacam import uploads
from moonraker_prusacam.app import Engine
from moonraker_prusacam.config import loads
from moonraker_prusacam.connect.signaling import session as session_module
from moonraker_prusacam.connect.signaling.messages import FileState, Switch, VideoState
from moonraker_prusacam.connect.signaling.viewer import Viewer, ViewerOptions
from moonraker_prusacam.connect.uploader import SnapshotUploader
from moonraker_prusacam.control import connect
from moonraker_prusacam.emulator.signaling import Role
from moonraker_prusacam.emulator.signaling.stand import PrusaCameraStand
from moonraker_prusacam.secret import Secret
from tests.support.prusa_engine import print_event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from moonraker_prusacam.timelapse import Timelapse

WAIT_S = 20.0
CONFIG = """
[engine]
data_path: {folder}
port: 0
[camera front]
source: test:
resolution: 320x180
fps: 10
[timelapse]
trigger: interval
interval: 0.5
style: plain
[connect front]
server: {server}
signaling_url: {server}
token: {token}
trigger_scheme: MANUAL
answer_as_camera: {answers}
"""


@pytest.fixture(autouse=True)
def nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(session_module, "LAST_DELAY_S", 0.1)
    monkeypatch.setattr(
        uploads, "SnapshotUploader", partial(SnapshotUploader, min_gap_s=0.05)
    )


@pytest.fixture
async def stand() -> AsyncIterator[PrusaCameraStand]:
    async with PrusaCameraStand(speed=100.0) as running:
        yield running


async def until(condition: Callable[[], object]) -> None:
    """Wait for what another part of the engine does."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def configured(folder: Path, stand: PrusaCameraStand, answers: str = "yes") -> Engine:
    token = stand.connect.add_camera().token
    return Engine(
        loads(
            CONFIG.format(folder=folder, server=stand.url, token=token, answers=answers)
        )
    )


async def test_engine_when_its_camera_is_asked_then_it_does_what_it_claims(
    tmp_path: Path, stand: PrusaCameraStand
) -> None:
    async with configured(tmp_path, stand) as engine:
        uploader, role = engine.uploaders[0], engine.roles["front"]
        timelapse = cast("Timelapse", engine.timelapse)
        await role.wait_ready(WAIT_S)
        token = role.options.token
        viewer = Viewer(
            ViewerOptions(
                name="x", camera_token=token, jwt=Secret(stand.jwt), url=stand.url
            )
        )
        await viewer.start()
        try:
            await viewer.wait_ready(WAIT_S)
            status = await viewer.status()
            assert status.name == "front"
            assert status.hardware == "moonraker-prusacam"
            assert (status.timelapse, status.video) == (Switch.ON, None)
            claimed = (await viewer.features()).names_json
            for name in ("GetSnapshot", "UploadInterval", "TimelapseEn"):
                assert f'"{name}"' in claimed
            assert "Reboot" not in claimed

            await viewer.take_snapshot()
            await until(lambda: stand.connect.accepted(token.reveal()) == 1)
            await viewer.set_snapshot_interval(45)
            await until(lambda: uploader.status["interval_s"] == 45)
            await viewer.enable_snapshots(False)
            await until(lambda: uploader.status["paused"])

            async with connect(engine.config.engine.socket_path) as printer:
                await viewer.enable_timelapse(False)
                await until(lambda: not timelapse.is_enabled)
                await print_event(printer, "started", "printing", 0.0)
                assert not timelapse.jobs
                await viewer.enable_timelapse(True)
                await until(lambda: timelapse.is_enabled)
                await print_event(printer, "layer", "printing", 1.0)
                await viewer.set_job_name("a gift")
                job = timelapse.active
                assert job is not None
                await until(lambda: job.record.title and job.record.frames >= 2)
                await print_event(printer, "complete", "complete", 5.0)

            told: asyncio.Queue[VideoState | None] = asyncio.Queue()
            viewer.on_client_trigger.append(lambda news: told.put_nowait(news.video))
            await viewer.make_video()
            async with asyncio.timeout(WAIT_S):
                assert await told.get() is VideoState.IN_PROGRESS
                assert await told.get() is VideoState.DONE
            (file,) = await viewer.files()
            assert file.state is FileState.DONE
            assert file.name.startswith("a gift_")
            assert (engine.videos_path / file.name).is_file()
            assert role.refused == 0
            assert engine.status()["camera_roles"][0]["state"] == "ready"
        finally:
            await viewer.aclose()
    audit = stand.signaling.audit(Role.CAMERA)
    assert not audit.too_early
    assert not audit.unasked
    assert not audit.unauthenticated
    assert not audit.leaks


async def test_engine_when_nobody_asked_for_it_then_its_cameras_answer_nothing(
    tmp_path: Path, stand: PrusaCameraStand
) -> None:
    async with configured(tmp_path, stand, answers="no") as engine:
        assert engine.roles == {}
        assert engine.status()["camera_roles"] == []
