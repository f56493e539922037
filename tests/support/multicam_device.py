# A camera of ours as a MultiCam device, for tests.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device on a free port, and a plain client that knows TCP and JSON only."""

from __future__ import annotations

import asyncio
import json
import struct
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from moonraker_prusacam.camera import Camera
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.kernel_clock import ClockState
from moonraker_prusacam.multicam.device import DeviceService
from moonraker_prusacam.multicam_options import MultiCamCameraConfig
from tests.support.sources import source_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.camera.sources import Source

WAIT_S = 10.0
FPS = 25.0
READ_BYTES = 64 << 10
SET = ClockState(is_synchronized=True, max_error_s=0.001)
ELSEWHERE = "127.0.0.2"
"""Who comes from another address is not taken for a program of this host."""

NOT_SET = ClockState(is_synchronized=False, reason="nobody sets this clock")


class Client:
    """One connection of a controller."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer
        self._octets = b""

    @classmethod
    async def connect(cls, port: int, own: str = "127.0.0.1") -> Self:
        return cls(
            *await asyncio.open_connection("127.0.0.1", port, local_addr=(own, 0))
        )

    async def send(self, octets: bytes) -> None:
        self.writer.write(octets)
        await self.writer.drain()

    async def answer(self) -> dict[str, Any]:
        """The next JSON object, however it is cut."""
        decoder = json.JSONDecoder()
        async with asyncio.timeout(WAIT_S):
            while True:
                with suppress(json.JSONDecodeError, UnicodeDecodeError):
                    answer, end = decoder.raw_decode(self._octets.decode())
                    self._octets = self._octets.decode()[end:].encode()
                    return dict(answer)
                octets = await self.reader.read(READ_BYTES)
                if not octets:
                    raise EOFError(self._octets)
                self._octets += octets

    async def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        await self.send(command_octets(command, **fields))
        return await self.answer()

    async def fetch(self, **key: str) -> tuple[dict[str, Any], bytes]:
        """GET_VIDEO: the header, and the file."""
        await self.send(command_octets("GET_VIDEO", **key))
        async with asyncio.timeout(WAIT_S):
            (length,) = struct.unpack(">I", await self.reader.readexactly(4))
            header = json.loads(await self.reader.readexactly(length))
            return header, await self.reader.readexactly(header["fileSize"])

    async def ended(self) -> bytes:
        """What comes until the device closes the connection."""
        async with asyncio.timeout(WAIT_S):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    async def aclose(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


def command_octets(command: str, **fields: Any) -> bytes:
    fields = {"command": command, "timestamp": 0, "deviceId": "controller", **fields}
    return json.dumps(fields).encode()


class Stage:
    """A camera, its device, and clients of that."""

    def __init__(self, camera: Camera, service: DeviceService) -> None:
        self.camera = camera
        self.service = service
        self.clients: list[Client] = []

    @property
    def port(self) -> int:
        assert self.service.server is not None
        return self.service.server.port

    async def client(self, own: str = "127.0.0.1") -> Client:
        self.clients.append(await Client.connect(self.port, own))
        return self.clients[-1]

    async def frame(self) -> None:
        """Wait for a frame in the ring that comes after this call."""
        device = self.service.device
        assert device is not None
        news = asyncio.Event()
        device.ring.on_frame.append(news.set)
        async with asyncio.timeout(WAIT_S):
            await news.wait()
        device.ring.on_frame.remove(news.set)


@asynccontextmanager
async def stage(
    folder: Path,
    *,
    source: Source | None = None,
    clock: ClockState = SET,
    camera: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Stage]:
    """A device of camera bed, by default of small test pictures, which is ready."""
    sizes: dict[str, Any] = {"resolution": (64, 48), "fps": FPS}
    if source is None:
        source = source_of("test:", **sizes)
    made = Camera(
        CameraConfig("bed", source="test:", **{**sizes, **(camera or {})}), source
    )
    options = {"port": 0, "announce": False, "reserve_mb": 1, **options}
    config = MultiCamCameraConfig(camera="bed", **options)
    service = DeviceService(config, made, folder, clock=lambda: clock)
    made.start()
    service.start()
    standing = Stage(made, service)
    try:
        async with asyncio.timeout(WAIT_S):
            await service.ready.wait()
        yield standing
    finally:
        for client in standing.clients:
            await client.aclose()
        await service.aclose()
        await made.aclose()
