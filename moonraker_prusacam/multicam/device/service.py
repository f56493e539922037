# A camera of ours in the network of MultiCam.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a device together: its id, its files, its port and its announcement.

A folder or a port that is not to be had ends nothing: it is tried again for ever, and
the status says why.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.errors import MultiCamUnavailable, RecordingNotFound
from moonraker_prusacam.kernel_clock import read_clock
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.multicam.protocol.constants import SERVICE_NAME_PREFIX
from moonraker_prusacam.tasks import TaskOwner

from .announcement import Announcement, addresses_of
from .device import Device
from .identity import load_or_create_device_id
from .recordings import Recordings
from .responder import Responder
from .server import DeviceServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from moonraker_prusacam.camera import Camera
    from moonraker_prusacam.kernel_clock import ClockState
    from moonraker_prusacam.multicam_options import MultiCamCameraConfig

    from .ring import FrameRing

log = logging.getLogger(__name__)

RETRY_S = 10.0
pause = asyncio.sleep
MB = 1 << 20


class DeviceService:
    """Camera ``camera`` as a device; what it keeps is below ``folder``.

    ``now_s`` and ``clock`` are this host's clock, and what the kernel says of it.
    """

    def __init__(
        self,
        config: MultiCamCameraConfig,
        camera: Camera,
        folder: Path,
        *,
        now_s: Callable[[], float] = time.time,
        clock: Callable[[], ClockState] = read_clock,
    ) -> None:
        self.config = config
        self.camera = camera
        self.device: Device | None = None
        self.server: DeviceServer | None = None
        self.ready = asyncio.Event()
        self._folder = folder
        self._now_s = now_s
        self._clock = clock
        self._device_id = ""
        self._problem = ""
        self._announcement: Announcement | None = None
        self._state_log = StateLog(log, f"MultiCam device {camera.name}")
        self._tasks = TaskOwner(f"multicam:{camera.name}:service")

    def start(self) -> None:
        """Begin to listen, as soon as that is possible."""
        self._tasks.start("start", self._run())

    async def aclose(self) -> None:
        """Make a recording under way final, and leave the network. Idempotent."""
        await self._tasks.aclose()
        if self._announcement is not None:
            await self._announcement.aclose()
        if self.server is not None:
            await self.server.aclose()
        if self.device is not None:
            await self.device.aclose()

    @property
    def announced_as(self) -> str:
        """The name of its instance in mDNS, once it has an id."""
        return f"{SERVICE_NAME_PREFIX}{self._device_id}" if self._device_id else ""

    def recorded(self, *keys: str | None) -> Path | None:
        """The file that any of ``keys`` is id or name of; blocks."""
        if self.device is None:
            return None
        try:
            return self.device.recordings.find(*keys).path
        except (RecordingNotFound, OSError):
            return None

    def expect(self, length_s: float) -> None:
        """What is recorded, or will be next, lasts so much longer, as far as known."""
        if self.device is not None:
            self.device.expect(length_s)

    def status(self) -> dict[str, Any]:
        """What there is to know about it, for the status of the engine."""
        device, server = self.device, self.server
        recording = device.recording if device is not None else None
        announcement = self._announcement
        clock = self._clock()
        return {
            "camera": self.camera.name,
            "device_id": self._device_id or None,
            "host": self.config.host,
            "port": server.port if server is not None else self.config.port,
            "state": str(device.status) if device and self.ready.is_set() else "down",
            "problem": self._problem or None,
            "announced_at": announcement.announced if announcement else [],
            "connections": server.connections if server is not None else 0,
            "refused": server.refused if server is not None else 0,
            "clock_synchronized": clock.is_synchronized,
            "pre_roll": None if device is None else _pre_roll(device.ring),
            "recordings": None
            if device is None
            else {
                "files": device.recordings.kept.files,
                "bytes": device.recordings.kept.size_bytes,
            },
            "recording": None
            if recording is None
            else {
                "target": recording.target_s,
                "began": recording.first.unix_s if recording.first else None,
                "frames": recording.frames,
                "missed": recording.missed,
            },
        }

    async def _run(self) -> None:
        while True:
            try:
                await self._open()
            except (OSError, MultiCamUnavailable) as error:
                self._problem = str(error)
                self._state_log.report(self._problem)
                await pause(RETRY_S)
            else:
                self._problem = ""
                self.ready.set()
                return

    async def _open(self) -> None:
        if self.device is None:
            await self._load()
        if self.server is not None:
            await self.server.start()
            self._announce(self.server.port)
            where = f"{self.config.host}, port {self.server.port}"
            self._state_log.report(f"{self._device_id} at {where}", logging.INFO)

    async def _load(self) -> None:
        self._device_id = await asyncio.to_thread(
            load_or_create_device_id, self._folder / f"{self.camera.name}.id"
        )
        recordings = Recordings(self._folder / self.camera.name, self._device_id)
        disk = DiskGuard(recordings.folder, self.config.reserve_mb * MB)
        device = Device(
            self.camera,
            recordings,
            self.config,
            disk,
            now_s=self._now_s,
            clock=self._clock,
        )
        await device.start()
        self.device = device
        self.server = DeviceServer(
            Responder(device, self._device_id),
            self.config.host,
            self.config.port,
            self.config.networks,
        )

    def _announce(self, port: int) -> None:
        if not self.config.announce:
            return
        addresses = functools.partial(addresses_of, self.config.host)
        self._announcement = Announcement(self._device_id, port, addresses)
        self._announcement.start()


def _pre_roll(ring: FrameRing) -> dict[str, Any]:
    """What is kept from before an order."""
    return {
        "frames": ring.frames,
        "bytes": ring.size_bytes,
        "limit_bytes": ring.limit_bytes,
        "span_s": round(ring.span_s, 2),
    }
