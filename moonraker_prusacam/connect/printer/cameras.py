# Cameras that come into Prusa Connect with their printer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``POST /p/camera`` gives each camera a token that nobody has to paste.

It is asked for once and kept. Sources: Prusa's printer SDK 0.8.1 for the request;
Prusa's camera OpenAPI 0.22.0 for how a camera is described.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.connect.schedule import (
    FIRST_PROBE_S,
    LAST_PROBE_S,
    BackOff,
)
from moonraker_prusacam.errors import ConfigError, ConnectUnavailable, PrusaConnectError

from .identity import camera_token_path, store_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from moonraker_prusacam.connect.clock import Clock
    from moonraker_prusacam.secret import Secret

    from .api import PrinterApi

log = logging.getLogger(__name__)

FIRST_BACKOFF_S, LAST_BACKOFF_S = 10.0, 300.0


@attrs.frozen
class Vouched:
    """A camera that the printer vouches for.

    ``describe`` gives the body of the request, with the camera's fingerprint; it may
    block on the disk. ``adopt`` takes the token.
    """

    name: str
    describe: Callable[[], Mapping[str, Any]]
    adopt: Callable[[Secret], None]


class CameraTokens:
    """Gets what is missing; ``report`` says how far it is."""

    def __init__(
        self,
        api: PrinterApi,
        clock: Clock,
        folder: Path,
        cameras: Sequence[Vouched],
    ) -> None:
        self._api = api
        self._clock = clock
        self._folder = folder
        self._cameras = cameras
        self._reasons: dict[str, str] = {}
        self._known: set[str] = set()

    def known(self, name: str) -> None:
        """``name`` has its token from before."""
        self._known.add(name)

    def forget(self) -> None:
        """There are no tokens any more."""
        self._known.clear()
        self._reasons.clear()

    def report(self) -> list[dict[str, Any]]:
        """Each camera, whether it has a token, and if not, why."""
        return [
            {
                "camera": camera.name,
                "registered": camera.name in self._known,
                "reason": self._reasons.get(camera.name, ""),
            }
            for camera in self._cameras
        ]

    async def run(self) -> None:
        """Ask until each has its token."""
        for camera in self._cameras:
            if camera.name not in self._known:
                await self._obtain(camera)

    async def _obtain(self, camera: Vouched) -> None:
        outage = BackOff(FIRST_BACKOFF_S, LAST_BACKOFF_S)
        refusal = BackOff(FIRST_PROBE_S, LAST_PROBE_S)
        while True:
            try:
                body = await asyncio.to_thread(camera.describe)
                token = await self._api.add_camera(body)
                path = camera_token_path(self._folder, camera.name)
                await asyncio.to_thread(store_token, path, token)
            except ConnectUnavailable as error:
                wait_s = self._failed(camera, error, outage)
            except (PrusaConnectError, ConfigError) as error:
                wait_s = self._failed(camera, error, refusal)
            else:
                self._reasons.pop(camera.name, None)
                self._known.add(camera.name)
                log.info("camera %s is in Prusa Connect now", camera.name)
                camera.adopt(token)
                return
            until_s = self._clock.monotonic_s() + wait_s
            await self._clock.wait(asyncio.Event(), until_s)

    def _failed(self, camera: Vouched, error: Exception, waits: BackOff) -> float:
        reason = str(error)
        if self._reasons.get(camera.name) != reason:
            log.warning("camera %s gets no token: %s", camera.name, reason)
        self._reasons[camera.name] = reason
        return waits.next_s()
