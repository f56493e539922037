# A recording whose engine is killed.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as a process of its own, killed while one of its cameras records."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from moonraker_prusacam import mp4
from tests.support.multicam_device import FPS, WAIT_S, Client
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


async def _grown(folder: Path, size_bytes: int) -> None:
    """Wait until the recording under way is so large."""

    def is_large() -> bool:
        parts = list(folder.glob("*.part"))
        return bool(parts) and parts[0].stat().st_size > size_bytes

    async with asyncio.timeout(WAIT_S):
        while not await asyncio.to_thread(is_large):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)


async def test_recording_when_engine_is_killed_then_next_one_has_a_whole_file(
    tmp_path: Path,
) -> None:
    folder, port = tmp_path / "prusacam" / "multicam" / "bed", closed_port()
    config = tmp_path / "prusacam.conf"
    config.write_text(
        CONFIG.format(folder=tmp_path, port=port, fps=FPS, engine_port=closed_port())
    )
    async with engine(config, port) as (process, client):
        started = await client.ask("START_RECORDING", timestamp=time.time())
        assert started["status"] == "recording"
        begun_s = time.monotonic()
        await _grown(folder, 16 << 10)
        recorded_s = time.monotonic() - begun_s
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    async with engine(config, port) as (_, client):
        stopped = await client.ask("STOP_RECORDING")
        assert stopped["status"] == "recording_stopped"
        assert stopped["deviceId"] == started["deviceId"]
        header, video = await client.fetch(fileId=stopped["fileId"])
        assert header["fileSize"] == stopped["fileSize"] == len(video)
        path = folder / stopped["fileName"]
        await asyncio.to_thread(mp4.check_whole, path)
        track = await asyncio.to_thread(mp4.read_track, path)
        # A fragment's second at most is missing, and what the disk had just taken.
        assert recorded_s - 1.5 < track.duration_s <= recorded_s + 1.5
        assert (await client.ask("STOP_RECORDING"))["status"] == "error"
