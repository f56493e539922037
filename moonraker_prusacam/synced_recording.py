# Recordings together with other devices, as parts of the engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts MultiCam's sides together: cameras of ours as devices, and who directs all.

Our own devices are directed over the loopback device, as any other, so that a camera
of ours begins by the same message and the same clock as a phone.
"""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING, Any

from .errors import MultiCamRefused
from .multicam.controller import MultiCamController
from .multicam.controller.rendering.tools import VideoTools
from .multicam.controller.roster import OwnDevice
from .multicam.device.service import DeviceService
from .multicam_options import Address
from .orientation import UPRIGHT
from .timelapse_options import TimelapseConfig
from .video.encoders import Encoders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from .camera import Camera
    from .config import Config
    from .timelapse import Timelapse

SCRATCH = "multicam_work"
NO_SECTION = "there is no [multicam] section in prusacam.conf"


class SyncedRecording:
    """What of MultiCam is configured, from ``start`` to ``aclose``."""

    def __init__(
        self,
        config: Config,
        cameras: Mapping[str, Camera],
        videos_path: Callable[[], Path],
        notify: Callable[[dict[str, Any]], None],
        timelapse: Timelapse | None = None,
    ) -> None:
        sections, state_path = config.multicam, config.engine.state_path
        self.devices = [
            DeviceService(section, cameras[section.camera], state_path / "multicam")
            for section in sections.cameras
        ]
        self.controller: MultiCamController | None = None
        if sections.multicam is not None:
            self.controller = MultiCamController(
                sections,
                sections.multicam,
                state_path / "multicam_sessions",
                videos_path,
                notify,
                self._own,
                _tools(config, timelapse),
            )

    async def start(self) -> None:
        """Listen, then direct; raises MultiCamError."""
        for device in self.devices:
            device.start()
        if self.controller is not None:
            await self.controller.start()

    async def aclose(self) -> None:
        """Stop; what other devices record they go on with. Idempotent."""
        if self.controller is not None:
            await self.controller.aclose()
        for device in self.devices:
            await device.aclose()

    def required(self) -> MultiCamController:
        """The controller; raises MultiCamRefused with why there is none."""
        if self.controller is None:
            raise MultiCamRefused(NO_SECTION)
        return self.controller

    def status(self) -> dict[str, Any]:
        """How all of it stands; nobody is asked for it."""
        told = {} if self.controller is None else self.controller.status()
        return {
            "enabled": self.controller is not None,
            "devices": [],
            "sessions": [],
            "last": None,
            **told,
            "cameras": [device.status() for device in self.devices],
        }

    def _own(self) -> Iterator[OwnDevice]:
        """Each camera of ours that listens, or is about to."""
        for device in self.devices:
            port = device.config.port if device.server is None else device.server.port
            if not port:
                continue
            host = device.config.host
            if (bound := ipaddress.ip_address(host)).is_unspecified:
                host = "127.0.0.1" if bound.version == 4 else "::1"
            address = Address(host, port)
            name, announced_as = device.config.camera, device.announced_as
            yield OwnDevice(name, address, announced_as, device.recorded, device.expect)


def _tools(config: Config, timelapse: Timelapse | None) -> VideoTools:
    """Videos are encoded as timelapses are, and after them."""
    options = config.timelapse or TimelapseConfig()
    cameras = {camera.name: camera.orientation for camera in config.cameras}
    scratch = config.engine.state_path / SCRATCH

    def occupied_by() -> str:
        is_first = timelapse is not None and timelapse.is_rendering
        return "it waits for a timelapse" if is_first else ""

    return VideoTools(
        encoders=Encoders(config.ffmpeg, scratch),
        encoder=options.encoder,
        crf=options.crf,
        font=options.font,
        klippy_path=config.klippy_path,
        orientation_of=lambda name: cameras.get(name, UPRIGHT),
        occupied_by=occupied_by,
        turn=asyncio.Lock() if timelapse is None else timelapse.library.turn,
    )
