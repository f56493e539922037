# Tests of the command line for Prusa's own cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam prusa-camera`` as a user runs it: exit status, and what is said."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.connect.signaling.messages import FileState, Status
from moonraker_prusacam.control import connect
from moonraker_prusacam.errors import SignalingOptionError
from tests.support.command_line import configure, prusacam, said
from tests.support.prusa_camera import TOKEN, VIDEO, hurry
from tests.support.prusa_engine import print_event, running_engine
from tests.support.scripted_viewer import ScriptedCamera
from tests.support.timelapse import until
from tests.support.video_server import Turn, VideoServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.app import Engine

COMMANDS = (
    ("status",),
    ("snapshot",),
    ("move", "left", "5"),
    ("set", "--light", "on"),
    ("reboot", "--confirm"),
    ("update-firmware", "--confirm"),
    ("timelapse", "start"),
    ("timelapse", "render"),
    ("timelapse", "download"),
    ("timelapse", "list"),
)


class Desk:
    """A user at an engine's command line."""

    def __init__(
        self, file: Path, engine: Engine, camera: ScriptedCamera, server: VideoServer
    ) -> None:
        self.file = file
        self.engine = engine
        self.camera = camera
        self.server = server

    async def told(self, *arguments: str) -> str:
        """What stands on standard output when all goes well."""
        done = await self._run(*arguments)
        assert (done.returncode, said(done)) == (0, "")
        text: str = done.stdout.decode()
        assert TOKEN not in text
        return text

    async def refused(self, status: int, *arguments: str) -> str:
        """The one line of an error."""
        done = await self._run(*arguments)
        assert (done.returncode, done.stdout) == (status, b"")
        (line,) = said(done).splitlines()
        return line

    async def _run(self, *arguments: str) -> Any:
        return await asyncio.to_thread(
            prusacam, self.file.parent, "prusa-camera", *arguments, "-c", self.file
        )

    async def until_state(self, state: str) -> None:
        (camera,) = self.engine.prusa_cameras.values()
        await until(lambda: any(job.phase == state for job in camera.jobs))

    async def until_prepared(self) -> None:
        (camera,) = self.engine.prusa_cameras.values()
        await until(lambda: any(job.record.is_prepared for job in camera.jobs))


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    hurry(monkeypatch)
    camera = ScriptedCamera("wire")
    async with (
        VideoServer(VIDEO).run() as server,
        running_engine(tmp_path, camera, server.url, monkeypatch) as (engine, file),
    ):
        yield Desk(file, engine, camera, server)


async def test_status_when_the_camera_answers_then_told_in_lines(desk: Desk) -> None:
    desk.camera.status = Status(temperature_c=41.5, wifi_ssid="shop")
    lines = (await desk.told("status")).splitlines()
    assert lines[0] == "buddy: ready"
    assert lines[1] == "  it is: firmware 3.1.6"
    assert lines[2] == "  it says: temperature c 41.5, wifi ssid shop"
    whole = json.loads(await desk.told("status", "--json"))
    assert whole["cameras"][0]["status"]["wifi_ssid"] == "shop"
    overall = await asyncio.to_thread(
        prusacam, desk.file.parent, "status", "-c", desk.file
    )
    assert "Prusa camera, buddy: ready" in overall.stdout.decode()


async def test_status_when_the_camera_is_away_then_told_why_and_what_helps(
    desk: Desk,
) -> None:
    desk.camera.take_away()
    lines = (await desk.told("status")).splitlines()
    assert lines[0].startswith("buddy: connecting: the camera did not answer")
    assert lines[1] == "  look for the camera"
    line = await desk.refused(1, "snapshot")
    assert line.endswith("; look for the camera")


async def test_controls_when_used_then_the_camera_is_told(desk: Desk) -> None:
    assert "send a picture" in await desk.told("snapshot", "--camera", "buddy")
    assert "turn left" in await desk.told("move", "left", "15")
    told = await desk.told("set", "--light", "off", "--volume", "20", "--mode", "day")
    assert told == "Camera 'buddy' was told: light off, volume 20, mode day.\n"
    assert "restart" in await desk.told("reboot", "--confirm")
    assert "firmware" in await desk.told("update-firmware", "--confirm")
    assert [call[0] for call in desk.camera.calls] == [
        "snapshot",
        "rotate",
        "light",
        "volume",
        "mode",
        "reboot",
        "update",
    ]


async def test_controls_when_wrong_then_status_2_and_one_line(desk: Desk) -> None:
    desk.camera.fails["volume"] = SignalingOptionError("the volume is 5 to 100, not 1")
    line = await desk.refused(2, "set", "--volume", "1")
    assert line == "prusacam: the volume is 5 to 100, not 1"
    assert "give one or more of" in await desk.refused(2, "set")
    assert "no Prusa camera 'x'" in await desk.refused(1, "snapshot", "--camera", "x")


async def test_timelapse_when_worked_by_hand_then_its_video_comes(desk: Desk) -> None:
    desk.server.always = Turn(status=404)
    assert await desk.told("timelapse", "list") == (
        "There are no timelapses of Prusa cameras yet.\n"
    )
    assert "recording" in await desk.told("timelapse", "start")
    await desk.until_prepared()
    assert "rendering" in await desk.told("timelapse", "render")
    await desk.until_state("downloading")
    desk.server.always = Turn()
    await desk.until_state("done")
    desk.camera.files = {"print.avi": FileState.IN_PROGRESS}
    listed = (await desk.told("timelapse", "list", "--files")).splitlines()
    assert "  buddy  " in listed[0]
    assert listed[0].endswith("_buddy.mp4")
    assert listed[1:] == ["On the cameras:", "print.avi  in progress  buddy"]
    assert "downloading" in await desk.told("timelapse", "download", "--name", "other")


async def test_timelapse_when_there_is_nothing_then_status_1_and_one_line(
    desk: Desk,
) -> None:
    assert "there is no job" in await desk.refused(1, "timelapse", "render")
    assert "there is no job" in await desk.refused(1, "timelapse", "download")
    assert "not the id" in await desk.refused(2, "timelapse", "render", "x")


async def test_timelapse_when_a_print_failed_then_listed_with_the_reason(
    desk: Desk,
) -> None:
    desk.camera.take_away()
    path = desk.engine.config.engine.socket_path
    async with connect(path) as client:
        await print_event(client, "started", "printing", 0.0)
        await print_event(client, "complete", "complete", 1.0)
    await desk.until_state("missed")
    listed = await desk.told("timelapse", "list")
    assert "missed" in listed
    assert "the camera did not record this print" in listed


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: " ".join(each))
def test_command_when_no_engine_answers_then_status_3(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = configure(tmp_path)
    done = prusacam(tmp_path, "prusa-camera", *command, "-c", file)
    assert done.returncode == 3
    assert "no engine answers" in said(done)
