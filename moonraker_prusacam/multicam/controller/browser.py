# Devices that announce themselves.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listens for ``_multicam._tcp`` by mDNS, and keeps the roster up to date.

A network without multicast is no reason to fail: devices with a section are there all
the same. Listening begins anew when this host has other addresses: after a boot the
network may come later than the engine.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from moonraker_prusacam.log import StateLog
from moonraker_prusacam.multicam.host_addresses import host_addresses
from moonraker_prusacam.multicam.protocol.constants import SERVICE_TYPE
from moonraker_prusacam.multicam_options import Address
from moonraker_prusacam.tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import Callable

    from zeroconf import ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    from .roster import Roster

log = logging.getLogger(__name__)

RESOLVE_TIMEOUT_MS = 3000
LOOK_S = 10.0
"""How often the host's addresses are looked at."""

RETRY_S = 60.0
MAX_RESOLVING = 16
MAX_TRIES = 5
MAX_KNOWN = 1024  # names; who has more to say is not listened to
MAX_NAME_CHARACTERS = 64


class Browser:
    """Listens from ``start`` to ``aclose``, at ``addresses`` of this host."""

    def __init__(
        self, roster: Roster, addresses: Callable[[], list[str]] = host_addresses
    ) -> None:
        self._roster = roster
        self._addresses = addresses
        self._tasks = TaskOwner("multicam:browser")
        self._log = StateLog(log, "MultiCam devices in the network")
        self._at: list[str] = []
        self._known: dict[str, int] = {}  # and how often each is to be asked yet
        self._unresolved: dict[str, None] = {}  # in the order of their arrival
        self._resolving = 0
        self._zeroconf: AsyncZeroconf | None = None
        self.problem = ""

    @property
    def is_listening(self) -> bool:
        """Whether announcements can be heard; ``problem`` says why not."""
        return self._zeroconf is not None

    def start(self) -> None:
        """Listen, once there is a network."""
        self._tasks.start("listen", self._run())

    async def aclose(self) -> None:
        """Listen no more. Idempotent."""
        await self._tasks.aclose()
        await self._leave()

    async def _run(self) -> None:
        # Loaded for those who want it: it takes a third of a second on a small board.
        try:
            from zeroconf import Error as ZeroconfError
        except ImportError as error:
            self._tell(f"cannot be heard: zeroconf cannot be loaded ({error})")
            return
        before: set[str] = set()
        while True:
            pause_s = LOOK_S
            try:
                addresses = await asyncio.to_thread(self._addresses)
                addresses = [each for each in addresses if ":" not in each] or addresses
                if addresses != self._at:
                    await self._leave()
                    before, self._known = set(self._known), {}
                    self._unresolved.clear()
                    self._listen(addresses)
                else:  # there was time for all that are still there
                    for name in before - self._known.keys():
                        self._roster.withdraw(shown(name))
                    before = set()
                    self._ask_again()
            except (OSError, ZeroconfError) as error:
                await self._leave()
                self._tell(f"cannot be heard: {error}")
                pause_s = RETRY_S
            await asyncio.sleep(pause_s)

    def _tell(self, problem: str) -> None:
        self.problem = problem
        self._log.report(problem)

    def _listen(self, addresses: list[str]) -> None:
        from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

        if not addresses:
            self.problem = "wait for the network"
            self._log.report(self.problem, logging.INFO)
            return
        self._zeroconf = AsyncZeroconf(interfaces=addresses)
        self.problem = ""
        AsyncServiceBrowser(
            self._zeroconf.zeroconf, SERVICE_TYPE, handlers=[self._changed]
        )
        self._at = addresses
        self._log.report(f"are listened for at {', '.join(addresses)}", logging.INFO)

    async def _leave(self) -> None:
        zeroconf, self._zeroconf, self._at = self._zeroconf, None, []
        if zeroconf is not None:
            await zeroconf.async_close()

    def _changed(
        self,
        zeroconf: Zeroconf | None,
        service_type: str,  # noqa: ARG002 - it is called by these names
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        from zeroconf import ServiceStateChange

        if state_change is ServiceStateChange.Removed:
            self._known.pop(name, None)
            self._unresolved.pop(name, None)
            self._roster.withdraw(shown(name))
        elif name in self._known or len(self._known) < MAX_KNOWN:
            self._known[name] = MAX_TRIES
            # Who comes tells all of it at once as a rule, and waits for nobody then.
            address = None if zeroconf is None else _heard_address(zeroconf, name)
            if address is None:
                self._ask(name)
            else:
                self._known[name] = 0
                self._roster.announce(shown(name), address)

    def _ask(self, name: str) -> None:
        self._unresolved[name] = None
        if self._resolving < MAX_RESOLVING:
            self._resolving += 1
            self._tasks.start("resolve", self._resolve())

    def _ask_again(self) -> None:
        """Ask those that did not answer: multicast is lost in many a Wi-Fi."""
        for name, tries in list(self._known.items()):
            if 0 < tries < MAX_TRIES and name not in self._unresolved:
                self._ask(name)

    async def _resolve(self) -> None:
        """Ask for the addresses of all that are known by name only."""
        try:
            while self._unresolved and self._zeroconf is not None:
                name = next(iter(self._unresolved))
                del self._unresolved[name]
                self._known[name] -= 1
                address = await _address_of(self._zeroconf.zeroconf, name)
                if address is not None and name in self._known:
                    self._known[name] = 0
                    self._roster.announce(shown(name), address)
        finally:
            self._resolving -= 1


def _heard_address(zeroconf: Zeroconf, name: str) -> Address | None:
    """What has been heard of the device already."""
    from zeroconf import Error as ZeroconfError
    from zeroconf.asyncio import AsyncServiceInfo

    try:
        info = AsyncServiceInfo(SERVICE_TYPE, name)
    except ZeroconfError:
        return None
    return _told_by(info) if info.load_from_cache(zeroconf) else None


async def _address_of(zeroconf: Zeroconf, name: str) -> Address | None:
    """What the device answers."""
    from zeroconf import Error as ZeroconfError
    from zeroconf.asyncio import AsyncServiceInfo

    try:
        info = AsyncServiceInfo(SERVICE_TYPE, name)
        if not await info.async_request(zeroconf, RESOLVE_TIMEOUT_MS):
            return None
    except (OSError, ZeroconfError) as error:
        log.debug("MultiCam device %s: %s", shown(name), error)
        return None
    return _told_by(info)


def _told_by(info: AsyncServiceInfo) -> Address | None:
    from zeroconf import IPVersion

    hosts = info.parsed_scoped_addresses(IPVersion.V4Only)
    hosts = hosts or info.parsed_scoped_addresses(IPVersion.V6Only)
    return Address(hosts[0], info.port) if hosts and info.port else None


def shown(name: str) -> str:
    """The name of an instance without what all have in common."""
    instance = name.removesuffix(f".{SERVICE_TYPE}")[:MAX_NAME_CHARACTERS]
    return "".join(c if c.isprintable() else "?" for c in instance)
