# Which hosts files may come from.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An address that somebody in Prusa Connect typed in is asked from inside of a home.

So only hosts with public addresses are: not this host, not the router, not the camera
next door. The addresses that were looked at are the ones that are connected to, so a
name cannot mean another one a moment later. A person may allow the home's own network;
this host itself and link-local addresses stay closed.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from moonraker_prusacam.errors import FileRejected

if TYPE_CHECKING:
    from yarl import URL

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
HOME = tuple(
    map(
        ipaddress.ip_network,
        # RFC 1918, and RFC 4193.
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    )
)
REFUSAL = (
    "is not a public address: files come from the internet alone, see "
    "'allow_lan_downloads' in prusacam.conf"
)


class Hosts:
    """Says who may be asked; the origin of ``server`` always may."""

    def __init__(self, server: URL, *, allow_lan: bool) -> None:
        self._server = server
        self._allow_lan = allow_lan

    def is_server(self, url: URL) -> bool:
        """Whether ``url`` is Prusa Connect's, which alone gets the token."""
        return url.origin() == self._server.origin()

    def require(self, url: URL) -> None:
        """Raise FileRejected for an address in numbers that is not to be asked."""
        if self.is_server(url) or not url.host:
            return
        try:
            address = ipaddress.ip_address(url.host.partition("%")[0])
        except ValueError:
            return  # a name: its addresses are looked at when it is connected to
        if not self.allows(address):
            raise FileRejected(f"{url.host} {REFUSAL}")

    def allows(self, address: Address) -> bool:
        """Whether a host with ``address`` may be asked."""
        inner = _embedded(address)
        if inner is not None:
            return self.allows(inner)
        if address.is_global and not address.is_multicast:
            return True
        return self._allow_lan and any(address in network for network in HOME)

    def allows_name(self, host: str) -> bool:
        """Whether ``host`` is asked whatever its address."""
        return host == self._server.host


class CheckedResolver(AbstractResolver):
    """Finds only those addresses of a host that may be asked."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._inner = ThreadedResolver()

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,
    ) -> list[ResolveResult]:
        """Addresses to connect to; raises FileRejected if none may be."""
        found = await self._inner.resolve(host, port, family)
        if self._hosts.allows_name(host):
            return found
        good = [result for result in found if self._is_good(result["host"])]
        if not good:
            raise FileRejected(f"{host} {REFUSAL}")
        return good

    async def close(self) -> None:
        """Nothing is kept open."""
        await self._inner.close()

    def _is_good(self, text: str) -> bool:
        try:
            return self._hosts.allows(ipaddress.ip_address(text.partition("%")[0]))
        except ValueError:
            return False


def _embedded(address: Address) -> Address | None:
    """The IPv4 address that a gateway would make of an IPv6 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None
