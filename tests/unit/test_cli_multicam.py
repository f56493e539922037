# Tests of the command line for recordings by several devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam multicam`` as a user runs it, with an engine and a device."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam import cli_multicam
from moonraker_prusacam.app import Engine
from moonraker_prusacam.cli_asked import Asked
from moonraker_prusacam.config import load
from moonraker_prusacam.mp4 import read_track
from moonraker_prusacam.multicam_options import device_address
from tests.support.command_line import (
    COMMAND,
    configure,
    environment,
    prusacam,
    said,
)
from tests.support.multicam_bench import CONFIG, bench
from tests.support.multicam_peer import VIDEO, Peer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TIMEOUT_S = 20.0
SECTIONS = """
[multicam]
discover: False
delay: 0.5
[multicam_device tripod]
address: {}
"""


async def test_recording_when_done_by_commands_then_its_video_comes(
    tmp_path: Path,
) -> None:
    async def told(*arguments: str) -> str:
        done = await asyncio.to_thread(
            prusacam, tmp_path, "multicam", *arguments, "-c", file
        )
        assert (done.returncode, said(done)) == (0, "")
        return done.stdout.decode()

    async def status() -> str:
        done = await asyncio.to_thread(prusacam, tmp_path, "status", "-c", file)
        assert (done.returncode, said(done)) == (0, "")
        return done.stdout.decode()

    async with Peer("T1") as peer:
        file = configure(tmp_path, more=SECTIONS.format(peer.address))
        async with Engine(await asyncio.to_thread(load, file)) as engine:
            controller = engine.multicam.required()
            assert await told("list", "--sessions") == "There are no recordings yet.\n"
            listed = await told("list")
            assert listed.startswith(f"tripod  {peer.address}  section  ready  v2")
            assert "without a print: recording" in await told("start", "--delay", "0.5")
            async with asyncio.timeout(TIMEOUT_S):
                while controller.sessions[0]["devices"][0]["state"] == "ordered":
                    await told("list")
            shown = await status()
            assert "MultiCam, 1 device(s): tripod" in shown
            assert "without a print: recording\n" in shown
            assert "    tripod: recording\n" in shown
            assert "collecting" in await told("stop")
            async with asyncio.timeout(TIMEOUT_S):
                while controller.sessions[0]["state"] != "done":
                    await told("list", "--sessions")
            assert "1 of 1 videos" in await told("list", "--sessions")
            (device,) = controller.sessions[0]["devices"]
            assert f"tripod: collected; {device['video']}" in await status()
            video = engine.videos_path / device["video"]
            assert await asyncio.to_thread(video.read_bytes) == VIDEO
            # The peer's video is none that could be decoded.
            assert "  side by side: " in await told("render")
            async with asyncio.timeout(TIMEOUT_S):
                while controller.sessions[0]["video"]["state"] != "failed":
                    await told("list", "--sessions")
            listed = await told("list", "--sessions")
            assert "side by side: failed, there is no video to be shown" in listed
            done = await asyncio.to_thread(
                prusacam, tmp_path, "multicam", "stop", "-c", file
            )
            assert done.returncode == 1
            assert said(done) == "prusacam: nothing is recorded now\n"


async def test_commands_when_there_is_no_section_then_told(tmp_path: Path) -> None:
    file = configure(tmp_path)
    async with Engine(await asyncio.to_thread(load, file)):
        for command in ("list", "start", "stop", "collect", "render"):
            done = await asyncio.to_thread(
                prusacam, tmp_path, "multicam", command, "-c", file
            )
            assert done.returncode == 1
            assert "there is no [multicam] section" in said(done)


async def test_virtual_device_when_it_is_run_by_hand_then_it_films_a_video(
    tmp_path: Path,
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "emulator", "multicam", "--port", "0", "--kind", "android"),
        env=environment(tmp_path),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            words = (await process.stdout.readline()).decode().split()
        address = device_address(words[1])
        config = attrs.evolve(CONFIG, stop_timeout_s=TIMEOUT_S)
        async with bench(tmp_path, address, config=config) as made:
            await made.controller.start_recording()
            await made.started()
            await made.controller.stop_recording()
            await made.done()
            taken = made.device(0)
            video = made.videos / taken["video"]
        assert (taken["state"], taken["device_id"]) == ("collected", words[2])
        track = await asyncio.to_thread(read_track, video)
        assert track.frames > 0
        assert track.duration_s > 0
    finally:
        process.terminate()
        assert await process.wait() == 0


def test_lines_when_a_device_is_hostile_then_shown_without_harm(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    device = {"name": "t", "state": "failed", "video": None, "warning": ""}
    session = {
        "id": "1",
        "filename": "",
        "state": "done",
        "warning": "",
        "devices": [{**device, "reason": "\x1b]0;x\x07\u202e"}],
    }
    asked = Asked("multicam", tmp_path / "x", tmp_path / "y", as_json=False)
    asked.show({}, *cli_multicam._lines(session))
    assert capsys.readouterr().out.endswith("  t: failed; ?]0;x??\n")
