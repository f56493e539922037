# How controllers find a camera of ours.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Announces a device by mDNS, with the addresses that the host has at the moment.

zeroconf opens a socket on each interface that is there when it begins, so it begins
anew when the addresses have changed: with another Wi-Fi, or a cable that is plugged in.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from typing import TYPE_CHECKING

from moonraker_prusacam.log import StateLog
from moonraker_prusacam.multicam.host_addresses import host_addresses
from moonraker_prusacam.multicam.protocol.constants import (
    SERVICE_NAME_PREFIX,
    SERVICE_TYPE,
)
from moonraker_prusacam.tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import Callable

    from zeroconf.asyncio import AsyncZeroconf

log = logging.getLogger(__name__)

LOOK_S = 10.0
"""How often the host's addresses are looked at."""

RETRY_S = 30.0
FAREWELL_TIMEOUT_S = 3.0
TTL_S = 120


def addresses_of(host: str) -> list[str]:
    """Those of ``host_addresses`` at which a server on ``host`` listens."""
    address = ipaddress.ip_address(host)
    if not address.is_unspecified:
        return [] if address.is_loopback else [host]
    found = host_addresses()
    if address.version == 6:
        return found
    return [each for each in found if ":" not in each]


class Announcement:
    """Announces ``device_id`` at ``port``, as long as ``addresses`` gives any."""

    def __init__(
        self, device_id: str, port: int, addresses: Callable[[], list[str]]
    ) -> None:
        self._device_id = device_id
        self._port = port
        self._addresses = addresses
        self._announced: list[str] = []
        self._zeroconf: AsyncZeroconf | None = None
        self._state_log = StateLog(log, f"Announcement of {device_id}")
        self._tasks = TaskOwner(f"multicam:{device_id}:mdns")
        self.look_s = LOOK_S

    @property
    def announced(self) -> list[str]:
        """The addresses that others are told at the moment."""
        return self._announced

    def start(self) -> None:
        """Announce, for ever."""
        self._tasks.start("announce", self._run())

    async def aclose(self) -> None:
        """Take the announcement back. Idempotent."""
        await self._tasks.aclose()
        await self._withdraw()

    async def _run(self) -> None:
        # Loaded for those who want it: it takes a while on a small board.
        try:
            from zeroconf import Error as ZeroconfError
        except ImportError as error:
            self._state_log.report(f"zeroconf cannot be loaded ({error})")
            return
        while True:
            pause_s = self.look_s
            try:
                addresses = await asyncio.to_thread(self._addresses)
                if addresses != self._announced:
                    await self._withdraw()
                    await self._announce(addresses)
            except (OSError, ZeroconfError, TimeoutError) as error:
                self._state_log.report(f"failed: {str(error) or type(error).__name__}")
                await self._withdraw()
                pause_s = RETRY_S
            await asyncio.sleep(pause_s)

    async def _announce(self, addresses: list[str]) -> None:
        if not addresses:
            self._state_log.report("waits for the network", logging.INFO)
            return
        from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

        info = AsyncServiceInfo(
            SERVICE_TYPE,
            f"{SERVICE_NAME_PREFIX}{self._device_id}.{SERVICE_TYPE}",
            port=self._port,
            properties={"deviceId": self._device_id},
            server=f"{self._device_id}.local.",
            parsed_addresses=addresses,
            host_ttl=TTL_S,
        )
        self._zeroconf = AsyncZeroconf(interfaces=addresses)
        await self._zeroconf.async_register_service(info)
        self._announced = addresses
        self._state_log.report(f"at {', '.join(addresses)}", logging.INFO)

    async def _withdraw(self) -> None:
        zeroconf, self._zeroconf, self._announced = self._zeroconf, None, []
        if zeroconf is None:
            return
        from zeroconf import Error as ZeroconfError

        try:
            async with asyncio.timeout(FAREWELL_TIMEOUT_S):
                await zeroconf.async_unregister_all_services()
        except (OSError, ZeroconfError, TimeoutError) as error:
            log.debug("No farewell of %s: %s", self._device_id, error)
        finally:
            await zeroconf.async_close()
