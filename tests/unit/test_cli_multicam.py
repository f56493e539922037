# Tests of the command line for recordings by several devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam multicam`` as a user runs it, with an engine and a device."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from moonraker_prusacam.app import Engine
from moonraker_prusacam.config import load
from tests.support.command_line import configure, prusacam, said
from tests.support.multicam_peer import VIDEO, Peer

if TYPE_CHECKING:
    from pathlib import Path

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
            assert "collecting" in await told("stop")
            async with asyncio.timeout(TIMEOUT_S):
                while controller.sessions[0]["state"] != "done":
                    await told("list", "--sessions")
            assert "1 of 1 videos" in await told("list", "--sessions")
            (device,) = controller.sessions[0]["devices"]
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
