# Moonraker's announcements of lasting trouble.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells users of Mainsail and Fluidd when uploads have failed for a while.

An announcement goes when the uploads are back. Moonraker keeps it over its restarts,
so ours are found again by their feed. It names entries by feed and second, which is
why each camera has a feed of its own. Videos of MultiCam devices that are missing have
one together, which the next recording replaces, or takes back when it has all.
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
CONNECT_URL = "https://connect.prusa3d.com"
MULTICAM = "[multicam]"
"""No camera has such a name."""
MULTICAM_URL = (
    "https://github.com/moonraker-prusacam/moonraker-prusacam/blob/main/docs/"
    "troubleshooting.md#multicam"
)
MAX_NAMES = 3
MAX_NAME_CHARACTERS = 64
MAX_DESC_CHARACTERS = 600


class Announcements:
    """One announcement a camera, while its uploads fail, and one for MultiCam."""

    def __init__(self, server: Server) -> None:
        self._server = server
        # Cameras that have none; of others, one may be left from before a restart.
        self._clear: set[str] = set()
        self._told: tuple[str, str] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """End the background work. Idempotent."""
        for task in self._tasks:
            task.cancel()

    def connect_event(self, params: dict[str, Any]) -> None:
        """The engine sent ``connect.event``."""
        camera, event = str(params.get("camera")), params.get("event")
        if event == "alarm":
            title = f"Prusa Connect: no snapshots of camera '{camera}' arrive"
            error = str(params.get("error"))
            self._start(self._announce(camera, title, error, CONNECT_URL))
        elif event == "accepted" and camera not in self._clear:
            self._start(self._withdraw(camera))

    def multicam_event(self, params: dict[str, Any]) -> None:
        """The engine sent ``multicam.event``."""
        session = params.get("session")
        if params.get("status") == "collecting" or not isinstance(session, dict):
            return
        if params.get("newest") is False:
            return  # its videos are made, or asked for again: that is no news
        listed = session.get("devices")
        devices = listed if isinstance(listed, list) else []
        devices = [device for device in devices if isinstance(device, dict)]
        missing = [device for device in devices if device.get("state") == "failed"]
        if missing:
            reasons = [f"{_name(device)}: {device.get('reason')}" for device in missing]
            what = session.get("filename") or "a recording"
            told = (
                f"MultiCam: no video of {_names(missing)}",
                f"{what}: {'; '.join(reasons)}"[:MAX_DESC_CHARACTERS],
            )
            if told != self._told:  # it is told again with every change of the session
                self._told = told
                self._start(self._announce(MULTICAM, *told, MULTICAM_URL))
        elif params.get("status") == "done" and MULTICAM not in self._clear:
            self._told = None
            self._start(self._withdraw(MULTICAM))

    async def _announce(self, subject: str, title: str, desc: str, url: str) -> None:
        await self._withdraw(subject)
        self._clear.discard(subject)
        self._component().add_internal_announcement(
            title=title,
            desc=desc,
            url=url,
            priority=PRIORITY,
            feed=_feed(subject),
        )

    async def _withdraw(self, subject: str) -> None:
        self._clear.add(subject)
        for entry in await self._component().get_announcements(True):
            if entry.get("feed") == _feed(subject):
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


def _feed(subject: str) -> str:
    return f"{FEED}: {subject}"


def _name(device: dict[str, Any]) -> str:
    return str(device.get("name"))[:MAX_NAME_CHARACTERS]


def _names(devices: list[dict[str, Any]]) -> str:
    shown = ", ".join(map(_name, devices[:MAX_NAMES]))
    return f"{shown} and others" if len(devices) > MAX_NAMES else shown
