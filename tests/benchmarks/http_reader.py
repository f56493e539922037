# A camera's source, as a process of its own.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one URL and tells what that cost.

``python -m tests.benchmarks.http_reader URL handed|fed WARMUP_S WINDOW_S`` prints one
line of JSON. ``handed``: the socket goes to the native thread, as it does where the
body is nothing but its bytes; ``fed``: aiohttp reads to the end.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from moonraker_prusacam.camera.receiver import Receiver
from moonraker_prusacam.camera.scanner import Scanner
from moonraker_prusacam.camera.sources import Host, http, open_source
from moonraker_prusacam.config import CameraConfig

LIVE_TIMEOUT_S = 10.0
LOOK_S = 0.01


async def main(url: str, way: str, warmup_s: float, window_s: float) -> None:
    """Read, wait for the first frame, and measure one window."""
    if way == "fed":
        http.bare_transport = lambda *_: None
    scanner = Scanner()
    receiver = Receiver(scanner, lambda _: None)
    source = open_source(CameraConfig("bench", source=url), Host(Path("/nowhere")))
    reading = asyncio.create_task(source.run(receiver))
    try:
        async with asyncio.timeout(LIVE_TIMEOUT_S):
            while not scanner.stats.frames:  # noqa: ASYNC110 - a thread tells nobody
                await asyncio.sleep(LOOK_S)
        await asyncio.sleep(warmup_s)
        before, before_ns = scanner.stats, time.process_time_ns()
        await asyncio.sleep(window_s)
        after, used_ns = scanner.stats, time.process_time_ns() - before_ns
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    told = {
        "cpu_ns": used_ns,
        "bytes": after.bytes_in - before.bytes_in,
        "frames": after.frames - before.frames,
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:])))
