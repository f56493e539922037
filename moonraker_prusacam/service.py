# The engine as a service that systemd looks after.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells systemd when the engine serves, how it is, and that it still turns.

The watchdog is told from the event loop, and only while what works beside the loop
answers too: whatever stalls either lets systemd restart the engine. Where nobody
listens, nothing is told.

The protocol is that of sd_notify(3) and sd_watchdog_enabled(3).
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import TYPE_CHECKING, Self

from .log import StateLog
from .tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from types import TracebackType

log = logging.getLogger(__name__)

STATUS_INTERVAL_S = 10.0
SEND_TIMEOUT_S = 2.0
MAX_STATUS_CHARACTERS = 200


class Supervisor:
    """Who started this process, and wants to hear of it.

    ``describe`` gives one line for people, ``is_well`` tells whether the watchdog may
    be told so. What the environment says is taken out of it: children are not the
    service.
    """

    def __init__(
        self,
        environment: MutableMapping[str, str],
        describe: Callable[[], str],
        is_well: Callable[[], bool],
    ) -> None:
        self._address = _address(environment.pop("NOTIFY_SOCKET", ""))
        self.beat_interval_s = _beat_interval_s(
            environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        )
        self._describe = describe
        self._is_well = is_well
        self._told = ""
        self._send_log = StateLog(log, "systemd's socket")
        self._beat_log = StateLog(log, "Watchdog")
        self._tasks = TaskOwner("service")

    async def __aenter__(self) -> Self:
        """Tell that the engine serves, and go on telling how it is."""
        if self._address:
            await self._send("READY=1", *self._news())
            self._tasks.start("status", self._tell_status())
            if self.beat_interval_s:
                self._tasks.start("watchdog", self._beat(self.beat_interval_s))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Tell that the engine ends; how long that may take is systemd's business."""
        await self._tasks.aclose()
        if self._address:
            await self._send("STOPPING=1", "STATUS=stops")

    async def _tell_status(self) -> None:
        while True:
            await asyncio.sleep(STATUS_INTERVAL_S)
            if news := self._news():
                await self._send(*news)

    async def _beat(self, interval_s: float) -> None:
        while True:
            if self._is_well():
                await self._send("WATCHDOG=1")
                self._beat_log.report("all is well", logging.DEBUG)
            else:
                self._beat_log.report(
                    "the stream pump does not turn; systemd is to restart the engine",
                    logging.ERROR,
                )
            await asyncio.sleep(interval_s)

    def _news(self) -> list[str]:
        """The status, if it is not the one told last."""
        words = " ".join(self._describe().split())[:MAX_STATUS_CHARACTERS]
        if words == self._told:
            return []
        self._told = words
        return [f"STATUS={words}"]

    async def _send(self, *lines: str) -> None:
        """Send one datagram; a listener that has gone does not matter."""
        loop = asyncio.get_running_loop()
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        try:
            with socket.socket(socket.AF_UNIX, kind) as sock:
                # Unless it is connected, poll() does not tell when there is room.
                sock.connect(self._address)
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await loop.sock_sendall(sock, "\n".join(lines).encode())
        except OSError as error:  # TimeoutError is one
            self._send_log.report(error.strerror or "is full")
        else:
            self._send_log.report("takes what is told", logging.DEBUG)


def _address(name: str) -> str:
    """What to connect to: a path, or an abstract name; "" where there is neither."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else ""


def _beat_interval_s(period_us: str, pid: str) -> float:
    """Half of what systemd waits for, as it recommends; 0 where it waits for nobody."""
    if not period_us.isdecimal() or pid not in ("", str(os.getpid())):
        return 0.0
    return int(period_us) / 1e6 / 2
