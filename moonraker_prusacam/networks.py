# Who is asking: lists of IP networks, and the address of a client.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose address a request has, and whether that is one of those who may.

Behind a reverse proxy every request has the proxy's address, and the client's stands in
headers that anybody can write. What is not certain here is None, and None is in no
network: whoever decides by an address refuses by default.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_NETWORKS = 64
MAX_HOPS = 16
# A peer on a Unix socket is a program of this host.
LOOPBACK = ipaddress.IPv4Address("127.0.0.1")
NAMED = {
    "none": (),
    "loopback": ("127.0.0.0/8", "::1/128"),
    # RFC 1918 and 4193, and the link-local addresses of RFC 3927 and 4291.
    "private": (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    ),
}
SEPARATORS = re.compile(r"[\s,]+")
# One pair of RFC 7239's Forwarded; quoted values hold no commas that matter to us.
FORWARDED_FOR = re.compile(
    r'(?:^|;)\s*for\s*=\s*(?:"([^"]*)"|([^\s;,"]*))\s*(?=;|$)', re.IGNORECASE
)
BITS_BEFORE_IPV4 = 96


@attrs.frozen
class Networks:
    """A set of addresses; ``None`` is in none of them."""

    members: tuple[Network, ...] = ()

    def __contains__(self, address: Address | None) -> bool:
        return address is not None and any(address in each for each in self.members)

    def __bool__(self) -> bool:
        return bool(self.members)

    def __str__(self) -> str:
        return ", ".join(map(str, self.members)) or "none"

    def overlaps(self, other: Networks) -> bool:
        """Whether an address is in both."""
        return any(
            mine.version == theirs.version and mine.overlaps(theirs)
            for mine in self.members
            for theirs in other.members
        )


def networks(value: str) -> Networks:
    """Networks, addresses and names, separated by commas, blanks or line ends.

    Raises ValueError with a sentence that says what was expected.
    """
    words = [word for word in SEPARATORS.split(value) if word]
    if not words:
        raise ValueError("is empty; 'none' means nobody")
    if len(words) > MAX_NETWORKS:
        raise ValueError(f"has more than {MAX_NETWORKS} networks")
    found: dict[Network, None] = {}
    for word in words:
        for text in NAMED.get(word.lower(), (word,)):
            found[_network(text)] = None
    return Networks(tuple(found))


def parse_address(text: str) -> Address | None:
    """An address as headers have it, with or without a port; None if it is none."""
    text = text.strip()
    if text.startswith("["):
        text, end, port = text[1:].partition("]")
        if not end or (port and not _is_port(port[1:], port[0])):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _is_port(port):
            return None
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def peer_address(peer: object) -> Address | None:
    """The address of ``peer``, a socket's ``peername``; a Unix socket's is LOOPBACK."""
    if isinstance(peer, (tuple, list)) and peer:
        return parse_address(str(peer[0]))
    if isinstance(peer, bytes):
        return LOOPBACK
    if isinstance(peer, str):
        return LOOPBACK if not peer or peer[0] in "/\0" else parse_address(peer)
    return None


def client_address(
    peer: object, headers: Iterable[tuple[str, str]], trusted_proxies: Networks
) -> Address | None:
    """Who asks, or None where that is not certain.

    ``peer`` is the socket's ``peername``, ``headers`` are all those of the request.
    They count only from one of ``trusted_proxies``: the client is the last address in
    X-Forwarded-For, X-Real-IP or Forwarded that is no such proxy. Where they disagree,
    one is a proxy's and one is the client's own invention. A proxy that says nothing
    asks for somebody unknown. Never raises.
    """
    address = peer_address(peer)
    if address not in trusted_proxies:
        return address
    said: dict[str, list[str]] = {}
    for name, value in headers:
        kind = name.lower()
        if kind in HOPS:
            said.setdefault(kind, []).append(value)
    clients: set[Address | None] = set()
    proxies: set[Address | None] = set()
    for kind, values in said.items():
        client = _last_untrusted(HOPS[kind](",".join(values)), trusted_proxies)
        (proxies if client in trusted_proxies else clients).add(client)
    answers = clients or proxies
    return answers.pop() if len(answers) == 1 else None


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        network = _mistaken(text)
    # Addresses are compared as IPv4 where they are that within.
    if isinstance(network, ipaddress.IPv6Network):
        mapped = network.network_address.ipv4_mapped
        if mapped and network.prefixlen >= BITS_BEFORE_IPV4:
            bits = network.prefixlen - BITS_BEFORE_IPV4
            return ipaddress.IPv4Network((mapped, bits))
    return network


def _mistaken(text: str) -> Network:
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        known = ", ".join(NAMED)
        raise ValueError(
            f"{text!r} is neither an IP address, nor a network such as "
            f"192.168.1.0/24, nor one of: {known}"
        ) from None
    raise ValueError(f"{text!r} is an address within a network; that is {meant}")


def _is_port(text: str, colon: str = ":") -> bool:
    return colon == ":" and text.isascii() and text.isdigit() and len(text) <= 5


def _listed(value: str) -> Iterator[str]:
    """What stands in X-Forwarded-For, the last first."""
    return reversed(value.split(","))


def _in_forwarded(value: str) -> Iterator[str]:
    """What ``for=`` says in each element of Forwarded, the last first."""
    for element in reversed(value.split(",")):
        match = FORWARDED_FOR.search(element.strip())
        yield (match[1] or match[2] or "") if match else ""


HOPS = {
    "x-forwarded-for": _listed,
    "x-real-ip": _listed,
    "forwarded": _in_forwarded,
}


def _last_untrusted(hops: Iterator[str], trusted: Networks) -> Address | None:
    """The last address that is not trusted, else the first; None past nonsense."""
    address = None
    for count, hop in enumerate(hops):
        address = parse_address(hop)
        if count >= MAX_HOPS or address is None:
            return None
        if address not in trusted:
            return address
    return address
