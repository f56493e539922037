# A recording whose engine is killed.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as a process of its own, killed while its camera or a phone records."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from moonraker_prusacam import mp4
from moonraker_prusacam.cli_call import call
from moonraker_prusacam.config import load
from moonraker_prusacam.errors import PrusacamError
from tests.support.multicam_device import FPS, WAIT_S, Client
from tests.support.multicam_peer import VIDEO, Peer
from tests.support.sources import LOOK_S, closed_port

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

CONFIG = """
[engine]
port: {engine_port}
data_path: {folder}

[camera bed]
source: test:
fps: {fps:g}
resolution: 64x48

[multicam_camera bed]
port: {port}
reserve_mb: 1
"""


DIRECTOR = """
[engine]
port: {engine_port}
data_path: {folder}

[multicam]
discover: False
delay: 0.5

[multicam_device phone]
address: 127.0.0.1:{port}
"""


@asynccontextmanager
async def engine(config: Path, port: int) -> AsyncIterator[tuple[Process, Client]]:
    """The engine, and a controller that is connected to its camera."""
    command = (sys.executable, "-m", "moonraker_prusacam", "run", "-c", str(config))
    process = await asyncio.create_subprocess_exec(
        *command, stderr=asyncio.subprocess.DEVNULL
    )
    client: Client | None = None
    try:
        async with asyncio.timeout(3 * WAIT_S):
            while client is None:
                try:
                    client = await Client.connect(port)
                except ConnectionError:
                    await asyncio.sleep(LOOK_S)
        yield process, client
    finally:
        if client is not None:
            await client.aclose()
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def director(config: Path, socket: Path) -> AsyncIterator[Process]:
    """The engine, once its control socket answers."""
    command = (sys.executable, "-m", "moonraker_prusacam", "run", "-c", str(config))
    process = await asyncio.create_subprocess_exec(
        *command, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(3 * WAIT_S):
            while True:
                try:
                    await call(socket, "engine.identify", {})
                    break
                except PrusacamError:
                    await asyncio.sleep(LOOK_S)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _grown(folder: Path, size_bytes: int) -> int:
    """Wait until the recording under way is so large; how large it is then."""

    def grown() -> int:
        parts = list(folder.glob("*.part"))
        return parts[0].stat().st_size if parts else 0

    async with asyncio.timeout(WAIT_S):
        while (found := await asyncio.to_thread(grown)) <= size_bytes:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
    return found


async def test_recording_when_engine_is_killed_then_next_one_has_a_whole_file(
    tmp_path: Path,
) -> None:
    folder, port = tmp_path / "prusacam" / "multicam" / "bed", closed_port()
    config = tmp_path / "prusacam.conf"
    config.write_text(
        CONFIG.format(folder=tmp_path, port=port, fps=FPS, engine_port=closed_port())
    )
    async with engine(config, port) as (process, client):
        begun_s = time.monotonic()
        started = await client.ask("START_RECORDING", timestamp=time.time())
        assert started["status"] == "recording"
        kept_bytes = await _grown(folder, 16 << 10)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        recorded_s = time.monotonic() - begun_s
    async with engine(config, port) as (_, client):
        stopped = await client.ask("STOP_RECORDING")
        assert stopped["status"] == "recording_stopped"
        assert stopped["deviceId"] == started["deviceId"]
        header, video = await client.fetch(fileId=stopped["fileId"])
        assert header["fileSize"] == stopped["fileSize"] == len(video)
        path = folder / stopped["fileName"]
        await asyncio.to_thread(mp4.check_whole, path)
        track = await asyncio.to_thread(mp4.read_track, path)
        # What the disk had is there: what came since, a fragment's second, is not.
        assert header["fileSize"] >= kept_bytes
        assert 0 < track.duration_s < recorded_s + 0.5
        assert (await client.ask("STOP_RECORDING"))["status"] == "error"


async def test_start_when_engine_is_killed_before_it_is_on_disk_then_phone_is_stopped(
    tmp_path: Path,
) -> None:
    config, socket = tmp_path / "prusacam.conf", tmp_path / "comms" / "prusacam.sock"
    async with Peer("phone") as peer:
        config.write_text(
            DIRECTOR.format(
                folder=tmp_path,
                port=peer.port,
                engine_port=closed_port(),
            )
        )
        async with director(config, socket) as process:

            def heard() -> None:
                """The phone takes the order; who gave it dies before the answer."""
                os.kill(process.pid, signal.SIGKILL)
                peer.is_recording = True
                peer.targets.append(peer.commands[-1]["timestamp"])
                del peer.answers["START_RECORDING"]

            peer.answers["START_RECORDING"] = heard
            with suppress(PrusacamError):
                await call(socket, "multicam.start", {})
            await process.wait()
            assert process.returncode == -signal.SIGKILL
        async with director(config, socket):
            device = await _device(socket, "recording")
            assert peer.said("START_RECORDING") == 1
            assert device["offset_s"] is None
            assert "restarted" in device["warning"]
            await call(socket, "multicam.stop", {})
            device = await _device(socket, "collected")
        assert not peer.is_recording
    loaded = await asyncio.to_thread(load, config)
    video = loaded.videos_path / device["video"]
    assert await asyncio.to_thread(video.read_bytes) == VIDEO


async def _device(socket: Path, state: str) -> dict[str, Any]:
    """What is told of the device once it is so far."""
    async with asyncio.timeout(WAIT_S):
        while True:
            told = await call(socket, "multicam.sessions", {})
            device: dict[str, Any] = told["sessions"][-1]["devices"][0]
            if device["state"] == state:
                return device
            await asyncio.sleep(LOOK_S)
