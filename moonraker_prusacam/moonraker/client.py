# Moonraker, as long as the engine runs.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection that is made again whenever it is lost.

Moonraker restarts with each update and each change of its configuration; whoever asks
it in between gets an error at once, and nobody waits.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Any

from moonraker_prusacam import __version__
from moonraker_prusacam.errors import MoonrakerUnavailable, PrinterError
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.tasks import TaskOwner

from .connection import CALL_TIMEOUT_S, MoonrakerConnection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

FIRST_DELAY_S, LAST_DELAY_S = 0.25, 5.0
# Moonraker tells of its own load every second; then it is asked, then given up.
SILENCE_S = 10.0
IDENTITY = {
    "client_name": "prusacam",
    "version": __version__,
    # An agent's name is taken until Moonraker has noticed that the last one is gone.
    "type": "other",
    "url": "https://github.com/moonraker-prusacam/moonraker-prusacam",
}


class MoonrakerClient:
    """``start`` → any number of connections → ``aclose``."""

    def __init__(self, path: Path) -> None:
        """``path`` is Moonraker's Unix socket. Nothing is opened before ``start``."""
        self._path = path
        self._connection: MoonrakerConnection | None = None
        self._trouble = "Moonraker has not been asked yet"
        self._delay_s = FIRST_DELAY_S
        self._state_log = StateLog(log, "Moonraker")
        self._tasks = TaskOwner("moonraker")
        # Called when the connection is there, or is there no more.
        self.on_change: list[Callable[[], None]] = []
        # Called with name and params of whatever Moonraker tells unasked.
        self.on_notification: list[Callable[[str, list[Any]], None]] = []

    @property
    def is_connected(self) -> bool:
        """Whether calls can be made now."""
        return self._connection is not None

    @property
    def trouble(self) -> str:
        """Why there is no connection, in words; empty if there is one."""
        return "" if self.is_connected else self._trouble

    def start(self) -> None:
        """Connect, and connect again whenever the connection is lost."""
        self._tasks.start("connection", self._run())

    async def aclose(self) -> None:
        """Disconnect. Idempotent."""
        await self._tasks.aclose()

    async def call(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> Any:
        """The result of ``method``; MoonrakerUnavailable, MoonrakerRefused."""
        if self._connection is None:
            raise MoonrakerUnavailable(self._trouble)
        return await self._connection.call(method, params or {}, timeout_s)

    async def _run(self) -> None:
        while True:
            try:
                await self._converse()
            except PrinterError as error:
                self._trouble = str(error)
                self._state_log.report(self._trouble)
            except Exception:  # a bug in a listener must not end the bridge
                log.exception("Moonraker")
                self._trouble = "internal error; see the log"
            self._tell_change()
            jittered_s = self._delay_s * random.uniform(0.8, 1.2)  # noqa: S311
            await asyncio.sleep(jittered_s)
            self._delay_s = min(self._delay_s * 2, LAST_DELAY_S)

    async def _converse(self) -> None:
        connection = await MoonrakerConnection.connect(self._path, self._notified)
        reading = self._tasks.start("read", _ending(connection))
        try:
            await connection.call("server.connection.identify", IDENTITY)
            self._connection = connection
            self._delay_s = FIRST_DELAY_S
            self._state_log.report("connected", logging.INFO)
            self._tell_change()
            raise await reading
        finally:
            self._connection = None
            await connection.aclose()

    def _notified(self, method: str, params: list[Any]) -> None:
        for listener in tuple(self.on_notification):
            listener(method, params)

    def _tell_change(self) -> None:
        for listener in tuple(self.on_change):
            listener()


async def _ending(connection: MoonrakerConnection) -> Exception:
    """Read until the end; what ended it."""
    try:
        await connection.run(SILENCE_S)
    except PrinterError as error:
        return error
    except Exception as error:  # noqa: BLE001  a listener's, which the owner logs
        await connection.aclose()
        return error
