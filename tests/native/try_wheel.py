# The compiled modules of a wheel, in the Python that they were built for.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by .ci/wheels, mostly under an emulator: a real camera's stream is scanned, and a
frame of it is sent to a viewer by the native thread.

The dependencies are not there for every processor, so packages are entered without what
they import on their own: only attrs is needed.
"""

from __future__ import annotations

import asyncio
import importlib
import platform
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

STREAM = Path(__file__).parents[1] / "data" / "webcam.mjpeg"
FRAMES, WIDTH, HEIGHT = 3, 480, 640
TIMEOUT_S = 30.0


def enter(package: str) -> None:
    """Let modules of ``package`` be imported without what it imports itself."""
    above, _, name = package.rpartition(".")
    (folder,) = importlib.import_module(above).__path__
    empty = ModuleType(package)
    empty.__path__ = [f"{folder}/{name}"]
    sys.modules[package] = empty


def scan(module: Any) -> list[Any]:
    """The frames of the stream, in reads of an odd size."""
    scanner, data = module.Scanner(), STREAM.read_bytes()
    frames = [
        frame
        for start in range(0, len(data), 4099)
        for frame in scanner.feed(data[start : start + 4099])
    ]
    assert [(frame.width, frame.height) for frame in frames] == FRAMES * [
        (WIDTH, HEIGHT)
    ]
    assert sum(len(frame) for frame in frames) == len(data)
    return frames


async def send(module: Any, picture: bytes) -> int:
    """How many bytes a viewer gets of a picture."""
    pump = module.StreamPump(1)
    channel = pump.channel()
    with socket.create_server(("127.0.0.1", 0)) as server:
        far = socket.create_connection(server.getsockname(), TIMEOUT_S)
        near, _ = server.accept()
    channel.show(b"Content-Length: %d\r\n\r\n" % len(picture), picture)
    pump.add(near, channel, b"head\r\n")
    got = b""
    with far:
        while picture not in got:
            data = await asyncio.to_thread(far.recv, 65536)
            assert data
            got += data
    await pump.aclose()
    return len(got)


def main() -> int:
    """Try all three; an exception is the verdict."""
    enter("moonraker_prusacam.camera")
    enter("moonraker_prusacam.web")
    load = importlib.import_module
    frames = scan(load("moonraker_prusacam.camera._scanner_c"))
    load("moonraker_prusacam.camera._intake_c")
    sent = asyncio.run(
        send(load("moonraker_prusacam.web._pump_c"), bytes(frames[0].data))
    )
    where = f"{platform.machine()}, Python {platform.python_version()}"
    print(f"{where}: {len(frames)} frames scanned, {sent} bytes sent natively")
    return 0


if __name__ == "__main__":
    sys.exit(main())
