# A Prusa camera and all that it needs, on one machine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local Prusa Connect with its signalling service, and a camera at both."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import attrs

from moonraker_prusacam.emulator.camera import LoopingPrint
from moonraker_prusacam.emulator.connect import LocalConnect

from .camera import VirtualPrusaCamera
from .camera_control import CameraControl
from .server import PING_INTERVAL_S, PING_TIMEOUT_S, LocalSignaling

if TYPE_CHECKING:
    from moonraker_prusacam.emulator.camera import PrinterView

JOIN_TIMEOUT_S = 10.0
FINGERPRINT_BYTES = 16


class PrusaCameraStand:
    """``start`` brings all of it up, ``aclose`` takes it down.

    With ``connect``, a local Prusa Connect that is not started yet, the service and the
    camera join that one: it has to be started before the stand, and stays its owner's.
    ``token``, ``fingerprint`` and ``jwt`` are what a viewer or a download need.
    """

    def __init__(
        self,
        *,
        connect: LocalConnect | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        profile: str = "wire",
        printer: PrinterView | None = None,
        layer_height_mm: float = LoopingPrint.LAYER_HEIGHT_MM,
        speed: float = 1.0,
        ping_interval_s: float = PING_INTERVAL_S,
        ping_timeout_s: float = PING_TIMEOUT_S,
    ) -> None:
        self.connect = connect or LocalConnect(host=host, port=port)
        self.signaling = LocalSignaling(
            self.connect,
            ping_interval_s=ping_interval_s,
            ping_timeout_s=ping_timeout_s,
        )
        self.signaling.behaviour = attrs.evolve(
            self.signaling.behaviour, profile=profile
        )
        self.token = self.connect.add_camera().token
        self.fingerprint = secrets.token_hex(FINGERPRINT_BYTES)
        self.camera = VirtualPrusaCamera(
            token=self.token,
            fingerprint=self.fingerprint,
            profile=profile,
            printer=printer,
            layer_height_mm=layer_height_mm,
            speed=speed,
        )
        self._is_owner = connect is None
        self._stack = AsyncExitStack()
        self.connect.mount(CameraControl(self.camera))

    @property
    def url(self) -> str:
        """Prusa Connect, and the signalling service."""
        return self.connect.url

    @property
    def jwt(self) -> str:
        """What a viewer authenticates with, and a Bearer token."""
        return self.connect.account.session

    @property
    def videos(self) -> dict[str, bytes]:
        """The videos that Prusa Connect has of the camera, by their jobs' names."""
        return self.connect.account.cameras[self.token].videos

    def video_url(self, job_name: str) -> str:
        """Where Prusa Connect has a video."""
        place = f"{quote(self.token)}/{quote(job_name, safe='')}.mp4"
        return f"{self.url}/c/timelapse/{place}"

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Return when the camera has joined; OSError if the port is taken."""
        if self._is_owner:
            self._stack.push_async_callback(self.connect.aclose)
            await self.connect.start()
        self._stack.push_async_callback(self.camera.aclose)
        await self.camera.start(self.url)
        await self.camera.wait_for(lambda: self.camera.is_joined, JOIN_TIMEOUT_S)

    async def aclose(self) -> None:
        """End all that the stand has started. Idempotent."""
        await self._stack.aclose()
