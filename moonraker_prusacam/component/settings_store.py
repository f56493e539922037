# Timelapse settings in Moonraker's database.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the settings where moonraker-timelapse keeps them, so that both find them.

Moonraker's database is a thread that may be held up by a slow card: nobody waits for
it longer than the limits here, and settings that it delivers late count all the same.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moonraker.server import Server

    from .timelapse_settings import TimelapseSettings, Value

log = logging.getLogger(__name__)

LOAD_TIMEOUT_S = 3.0
SAVE_TIMEOUT_S = 1.0

NAMESPACE = "timelapse"
KEY = "config"


class SettingsStore:
    """Reads the settings once, in the background, and writes what is changed."""

    def __init__(
        self,
        server: Server,
        settings: TimelapseSettings,
        on_loaded: Callable[[], None],
    ) -> None:
        self._database = server.lookup_component("database")
        self._settings = settings
        self._on_loaded = on_loaded
        self._reading = asyncio.get_running_loop().create_task(
            self._read(), name="prusacam:timelapse settings"
        )

    async def loaded(self) -> None:
        """Return when the settings are there, or LOAD_TIMEOUT_S later."""
        await asyncio.wait({self._reading}, timeout=LOAD_TIMEOUT_S)

    async def save(self, changed: Mapping[str, Value]) -> None:
        """Store some settings; returns when that is done, or SAVE_TIMEOUT_S later."""
        # Key by key: what else the record holds may not have been read yet.
        writes = [
            asyncio.ensure_future(
                self._database.insert_item(NAMESPACE, [KEY, name], value)
            )
            for name, value in changed.items()
        ]
        if not writes:
            return
        for write in writes:
            write.add_done_callback(_tell_failure)
        _, late = await asyncio.wait(writes, timeout=SAVE_TIMEOUT_S)
        if late:
            log.warning("prusacam: Moonraker's database is late to store settings")

    def close(self) -> None:
        """End the background work. Idempotent."""
        self._reading.cancel()

    async def _read(self) -> None:
        try:
            stored = await self._database.get_item(NAMESPACE, KEY, {})
        except Exception:
            # Whatever it is: the panels work with the defaults.
            log.exception("prusacam: the timelapse settings cannot be read")
            stored = {}
        self._settings.restore(stored)
        self._on_loaded()


def _tell_failure(write: asyncio.Future[None]) -> None:
    if not write.cancelled() and write.exception() is not None:
        log.error("prusacam: a timelapse setting was not stored: %s", write.exception())
