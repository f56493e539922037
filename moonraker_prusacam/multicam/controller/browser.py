# Devices that announce themselves.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listens for ``_multicam._tcp`` by mDNS, and keeps the roster up to date.

A network without multicast is no reason to fail: devices with a section are there all
the same, and listening begins again later.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from moonraker_prusacam.log import StateLog
from moonraker_prusacam.multicam.protocol.constants import SERVICE_TYPE
from moonraker_prusacam.multicam_options import Address
from moonraker_prusacam.tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroconf import ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncZeroconf

    from .roster import Roster

log = logging.getLogger(__name__)

RESOLVE_TIMEOUT_MS = 3000
RETRY_S = 60.0
MAX_RESOLVING = 16
MAX_NAME_CHARACTERS = 64


class Browser:
    """Listens from ``start`` to ``aclose``; at ``interfaces``, where some are given."""

    def __init__(self, roster: Roster, *, interfaces: Sequence[str] = ()) -> None:
        self._roster = roster
        self._interfaces = interfaces
        self._tasks = TaskOwner("multicam:browser")
        self._log = StateLog(log, "MultiCam devices in the network")
        self._zeroconf: AsyncZeroconf | None = None
        self.problem = ""

    @property
    def is_listening(self) -> bool:
        """Whether announcements can be heard; ``problem`` says why not."""
        return self._zeroconf is not None

    def start(self) -> None:
        """Listen, once there is a network."""
        self._tasks.start("listen", self._listen())

    async def aclose(self) -> None:
        """Listen no more. Idempotent."""
        await self._tasks.aclose()
        zeroconf, self._zeroconf = self._zeroconf, None
        if zeroconf is not None:
            await zeroconf.async_close()

    async def _listen(self) -> None:
        # Loaded for those who want it: it takes a third of a second on a small board.
        try:
            from zeroconf import InterfaceChoice
            from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf
        except ImportError as error:
            self.problem = f"cannot be heard: zeroconf cannot be loaded ({error})"
            self._log.report(self.problem)
            return
        while self._zeroconf is None:
            try:
                self._zeroconf = AsyncZeroconf(
                    interfaces=[*self._interfaces] or InterfaceChoice.All
                )
            except OSError as error:
                self.problem = f"cannot be heard: {error.strerror or error}"
                self._log.report(self.problem)
                await asyncio.sleep(RETRY_S)
        self.problem = ""
        self._log.report("are listened for", logging.INFO)
        AsyncServiceBrowser(
            self._zeroconf.zeroconf, SERVICE_TYPE, handlers=[self._changed]
        )

    def _changed(
        self,
        zeroconf: Zeroconf,
        service_type: str,
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        from zeroconf import ServiceStateChange

        if state_change is ServiceStateChange.Removed:
            self._roster.withdraw(shown(name))
        elif len(self._tasks) < MAX_RESOLVING:
            self._tasks.start("resolve", self._resolve(zeroconf, service_type, name))

    async def _resolve(self, zeroconf: Zeroconf, service_type: str, name: str) -> None:
        from zeroconf import IPVersion
        from zeroconf.asyncio import AsyncServiceInfo

        info = AsyncServiceInfo(service_type, name)
        if not await info.async_request(zeroconf, RESOLVE_TIMEOUT_MS) or not info.port:
            return
        hosts = info.parsed_scoped_addresses(IPVersion.V4Only)
        hosts = hosts or info.parsed_scoped_addresses(IPVersion.V6Only)
        if hosts:
            self._roster.announce(shown(name), Address(hosts[0], info.port))


def shown(name: str) -> str:
    """The name of an instance without what all have in common."""
    instance = name.removesuffix(f".{SERVICE_TYPE}")[:MAX_NAME_CHARACTERS]
    return "".join(c if c.isprintable() else "?" for c in instance)
