# What the tests of all sources have in common.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A source of a URL, and a receiver that counts what it is given."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.camera import Scanner
from moonraker_prusacam.camera.receiver import Receiver
from moonraker_prusacam.camera.sources import Host, Source, open_source
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.emulator.moonraker import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.camera import Frame

WAIT_S = 10.0
LOOK_S = 0.002
NOWHERE = Host(Path("/nowhere"))


def source_of(url: str, host: Host = NOWHERE, **options: Any) -> Source:
    """The source of a camera that is configured so."""
    return open_source(CameraConfig("bed", source=url, **options), host)


def closed_port() -> int:
    """A port at which nothing listens, and that no other test gets meanwhile."""
    return free_port()


class Received(Receiver):
    """Counts what a source lets be received."""

    def __init__(self, error: Exception | None = None) -> None:
        self.scanner = Scanner()
        self.error = error
        super().__init__(self.scanner, self._told)

    async def until(self, size: int) -> None:
        """Wait for so many bytes."""
        await self._wait_for(lambda: self.scanner.stats.bytes_in >= size)

    async def frames(self, count: int) -> None:
        """Wait for so many frames since the beginning."""
        await self._wait_for(lambda: self.scanner.stats.frames >= count)

    async def _wait_for(self, condition: Callable[[], bool]) -> None:
        """A thread does not tell what it has done, so it is looked at."""
        async with asyncio.timeout(WAIT_S):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)

    def _told(self, frames: list[Frame]) -> None:  # noqa: ARG002
        if self.error is not None:
            raise self.error
