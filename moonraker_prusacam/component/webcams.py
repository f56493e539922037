# Webcams of the engine in Moonraker's list.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registers the engine's cameras as webcams, in memory only.

Moonraker has no interface for this: its webcam component's dictionary is written to,
as a ``[webcam]`` section would. What a user has configured under the same name stays.

Every ``webcam:webcams_changed`` makes viewers reopen their streams. So it is sent when
something changed, and once when the engine came back (a viewer that saw an error may
have stopped for good), and never else.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING

from .camera_list import parse_camera_list
from .errors import EngineAbsent, LinkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moonraker.components.webcam import WebCam
    from moonraker.server import Server

    from .camera_list import Listing
    from .link import EngineLink

log = logging.getLogger(__name__)

RETRY_S = 5.0
IDLE_FPS = 5
"""What Fluidd polls at while its window is in the background."""


class Webcams:
    """Keeps Moonraker's list of webcams as the engine's list of cameras says."""

    def __init__(self, server: Server, link: EngineLink) -> None:
        self._server = server
        self._link = link
        self._ours: dict[str, tuple[Listing, WebCam]] = {}
        self._left_alone: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._stale = False
        self._revived = False

    def start(self) -> None:
        """The link is up: get the list, and have viewers reopen their streams."""
        self.stop()
        self._revived = True
        self.refresh()

    def stop(self) -> None:
        """The link is down: the list stays as it is, until the engine has another."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def refresh(self) -> None:
        """Get the list again, in the background."""
        self._stale = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(
                self._refresh(), name="prusacam:webcams"
            )

    async def _refresh(self) -> None:
        while self._stale:
            self._stale = False
            try:
                listings = parse_camera_list(await self._link.call("camera.list", {}))
            except EngineAbsent:
                return
            except LinkError as error:
                log.warning("prusacam: webcams are not updated: %s", error)
                self._stale = True
                await asyncio.sleep(RETRY_S)
            else:
                self._apply(listings)

    def _apply(self, listings: dict[str, Listing]) -> None:
        revived, self._revived = self._revived and bool(listings), False
        try:
            webcams = self._server.lookup_component("webcam").get_webcams()
            removed = self._remove_vanished(webcams, listings)
            added = [self._put(webcams, listing) for listing in listings.values()]
            if removed or any(added) or revived:
                everything = [webcam.as_dict() for webcam in webcams.values()]
                self._server.send_event(
                    "webcam:webcams_changed", {"webcams": everything}
                )
        except (
            ImportError,
            AttributeError,
            TypeError,
            KeyError,
            ValueError,
            self._server.error,
        ) as error:
            log.warning(
                "prusacam: this Moonraker's webcam component is not the one we know "
                "(%s: %s); add the cameras in the user interface instead",
                type(error).__name__,
                error,
                exc_info=True,
            )

    def _remove_vanished(
        self, webcams: dict[str, WebCam], listings: Mapping[str, Listing]
    ) -> bool:
        removed = False
        for name in self._ours.keys() - listings.keys():
            _, webcam = self._ours.pop(name)
            if webcams.get(name) is webcam:
                del webcams[name]
                removed = True
        return removed

    def _put(self, webcams: dict[str, WebCam], listing: Listing) -> bool:
        """Add or replace one webcam; whether that changed anything."""
        present = webcams.get(listing.name)
        known, ours = self._ours.get(listing.name, (None, None))
        if present is not None and present is not ours:
            if listing.name not in self._left_alone:
                self._left_alone.add(listing.name)
                log.info(
                    "prusacam: webcam '%s' is configured by the user and left alone",
                    listing.name,
                )
            return False
        if present is not None and known == listing:
            return False
        webcam = self._make(listing)
        webcams[listing.name] = webcam
        self._ours[listing.name] = listing, webcam
        return True

    def _make(self, listing: Listing) -> WebCam:
        """Moonraker's record (moonraker/components/webcam.py, API version 1.5)."""
        from moonraker.components.webcam import WebCam  # not there in our own tests

        namespace = uuid.UUID(self._server.get_app_args()["instance_uuid"])
        return WebCam(
            self._server,
            **asdict(listing),
            enabled=True,
            icon="mdiWebcam",
            aspect_ratio="4:3",
            target_fps_idle=min(IDLE_FPS, listing.target_fps),
            location="printer",
            service="mjpegstreamer",
            source="config",
            extra_data={},
            uid=str(uuid.uuid5(namespace, f"prusacam.{listing.name}")),
        )
