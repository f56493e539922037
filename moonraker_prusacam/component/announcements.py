# Moonraker's announcements of lasting trouble.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells users of Mainsail and Fluidd when uploads have failed for a while.

An announcement goes when the uploads are back. Moonraker keeps it over its restarts,
so ours are found again by their feed. It names entries by feed and second, which is
why each camera has a feed of its own.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from moonraker.server import Server

log = logging.getLogger(__name__)

FEED = "prusacam"
PRIORITY = "normal"
URL = "https://connect.prusa3d.com"


class Announcements:
    """One announcement a camera, while its uploads fail."""

    def __init__(self, server: Server) -> None:
        self._server = server
        # Cameras that have none; of others, one may be left from before a restart.
        self._clear: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """End the background work. Idempotent."""
        for task in self._tasks:
            task.cancel()

    def connect_event(self, params: dict[str, Any]) -> None:
        """The engine sent ``connect.event``."""
        camera, event = str(params.get("camera")), params.get("event")
        if event == "alarm":
            self._start(self._announce(camera, str(params.get("error"))))
        elif event == "accepted" and camera not in self._clear:
            self._start(self._withdraw(camera))

    async def _announce(self, camera: str, reason: str) -> None:
        await self._withdraw(camera)
        self._clear.discard(camera)
        self._component().add_internal_announcement(
            title=f"Prusa Connect: no snapshots of camera '{camera}' arrive",
            desc=reason,
            url=URL,
            priority=PRIORITY,
            feed=_feed(camera),
        )

    async def _withdraw(self, camera: str) -> None:
        self._clear.add(camera)
        for entry in await self._component().get_announcements(True):
            if entry.get("feed") == _feed(camera):
                await self._component().remove_announcement(entry["entry_id"])

    def _component(self) -> Any:
        return self._server.lookup_component("announcements")

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("prusacam: an announcement failed")


def _feed(camera: str) -> str:
    return f"{FEED}: {camera}"
