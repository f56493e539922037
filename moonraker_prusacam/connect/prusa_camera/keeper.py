# The viewer of a camera, for as long as its account's token holds.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a viewer, and makes a new one when the file with the bearer token changes.

Such tokens expire after minutes or hours, and whatever renews them writes a file.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.connect.signaling.messages import NO_TOKEN
from moonraker_prusacam.errors import ClosedError, ConfigError
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.tasks import TaskOwner

from .notice import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.connect.clock import Clock
    from moonraker_prusacam.connect.signaling.messages import (
        ClientTrigger,
        Features,
        Status,
    )
    from moonraker_prusacam.secret import Secret

    from .access import Access
    from .viewer import CameraViewer

log = logging.getLogger(__name__)

LOOK_S = 30.0


@attrs.frozen
class Listeners:
    """Who is told what a viewer hears."""

    state: Callable[[], None]
    status: Callable[[Status], None]
    client_trigger: Callable[[ClientTrigger], None]


class Keeper:
    """Owns the viewer of one camera; ``open_viewer`` makes one by a bearer token."""

    def __init__(
        self,
        name: str,
        access: Access,
        open_viewer: Callable[[Secret], CameraViewer],
        listeners: Listeners,
        clock: Clock,
    ) -> None:
        self._access = access
        self._open_viewer = open_viewer
        self._listeners = listeners
        self._clock = clock
        self._jwt = NO_TOKEN
        self._viewer: CameraViewer | None = None
        self._status: Status | None = None
        self._status_at: float | None = None
        self._features: Features | None = None
        self._complaint = ""  # about the file of the token
        self._state_log = StateLog(log, f"Prusa camera {name}, jwt_file")
        self._tasks = TaskOwner(f"prusa-camera:{name}:viewer")

    @property
    def viewer(self) -> CameraViewer:
        """The viewer of now; raises ClosedError before ``start`` and after ``aclose``.

        It may be one that is just being closed, which raises the same.
        """
        if self._viewer is None:
            raise ClosedError("the camera is not looked at")
        return self._viewer

    @property
    def state(self) -> str:
        """``connecting``, ``ready``, ``refused`` or ``closed``."""
        return "closed" if self._viewer is None else str(self._viewer.state)

    @property
    def reason(self) -> str:
        """Why it is not ready, in words; empty when it is."""
        if self.state == "ready" or self._viewer is None:
            return ""
        return "; ".join(filter(None, (self._viewer.reason, self._complaint)))

    @property
    def advice(self) -> str:
        """What a person can do about ``reason``."""
        return "" if self._viewer is None else self._viewer.advice

    def report(self) -> dict[str, Any]:
        """What the camera said last, without secrets."""
        return {
            "status": shown(self._status) if self._status else None,
            "status_at": self._status_at,
            "features": shown(self._features) if self._features else None,
        }

    async def start(self) -> None:
        """Begin to look at the camera."""
        await self._open(await self._read() or NO_TOKEN)
        if self._access.has_jwt_file:
            self._tasks.start("token", self._watch())

    async def aclose(self) -> None:
        """End. Idempotent."""
        await self._tasks.aclose()
        viewer, self._viewer = self._viewer, None
        if viewer is not None:
            await viewer.aclose()

    async def _open(self, jwt: Secret) -> None:
        before, self._jwt = self._viewer, jwt
        viewer = self._open_viewer(jwt)
        viewer.on_state.append(self._listeners.state)
        viewer.on_status.append(self._told)
        viewer.on_features.append(self._told_features)
        viewer.on_client_trigger.append(self._listeners.client_trigger)
        self._viewer = viewer
        if before is not None:
            before.on_state.clear()  # its end is no news
            await before.aclose()
        await viewer.start()

    def _told(self, status: Status) -> None:
        self._status, self._status_at = status, time.time()
        self._listeners.status(status)

    def _told_features(self, features: Features) -> None:
        self._features = features

    async def _watch(self) -> None:
        never = asyncio.Event()
        while True:
            await self._clock.wait(never, self._clock.monotonic_s() + LOOK_S)
            jwt = await self._read()
            if jwt is not None and jwt != self._jwt:
                log.info("A new bearer token is there; the camera is connected anew")
                await self._open(jwt)

    async def _read(self) -> Secret | None:
        """The token in the file; None where there is none, or it cannot be read."""
        try:
            jwt = await self._access.jwt()
        except ConfigError as error:
            self._complaint = str(error)
            self._state_log.report(self._complaint)
            return None
        self._complaint = ""
        if jwt is not None:
            self._state_log.report("is read", logging.DEBUG)
        return jwt
