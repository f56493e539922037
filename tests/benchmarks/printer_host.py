# Moonraker and a simulated printer, beside an engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs Moonraker with our component and the timelapse panels, and prints its port.

python -m tests.benchmarks.printer_host FOLDER ENGINE_SOCKET
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from moonraker_prusacam.emulator.klippy import SimulatedPrinter
from moonraker_prusacam.emulator.moonraker import MoonrakerProcess, link_timelapse

READY_TIMEOUT_S = 30.0
POLL_S = 0.1


async def run(folder: Path, engine_socket: Path) -> None:
    """Serve until SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    klippy, gcodes = folder / "klippy.sock", folder / "gcodes"
    gcodes.mkdir(parents=True)
    printer = SimulatedPrinter(klippy, gcodes)
    await printer.start()
    try:
        async with MoonrakerProcess(
            folder / "data",
            klippy,
            config=f"\n[prusacam]\nsocket: {engine_socket}\n[timelapse]\n",
            extra_components=link_timelapse(folder / "components"),
        ) as moonraker:
            state = ""
            async with asyncio.timeout(READY_TIMEOUT_S):
                while state != "ready":
                    await asyncio.sleep(POLL_S)
                    info = await moonraker.request("GET", "/server/info")
                    state = info["klippy_state"]
            print(moonraker.port, flush=True)
            await ended.wait()
    finally:
        await printer.aclose()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2])))
