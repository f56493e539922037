# The addresses of this host.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads ``network_info`` of Prusa's camera OpenAPI 0.22.0 from Linux's /sys and /proc.

What is not known is left out; the name of the wireless network is never read.
"""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from pathlib import Path

SYS_NET = Path("/sys/class/net")
IPV6_ADDRESSES = Path("/proc/net/if_inet6")
SIOCGIFADDR = 0x8915
GLOBAL_SCOPE = "00"
# Interfaces that lead nowhere outside.
INNER = ("lo", "docker", "br-", "veth", "virbr", "tun", "tap", "wg", "dummy")


def network_info(
    sys_net: Path = SYS_NET, ipv6_addresses: Path = IPV6_ADDRESSES
) -> dict[str, str]:
    """MAC, IPv4 and IPv6 of the first wired and the first wireless interface."""
    info: dict[str, str] = {}
    try:
        names = sorted(path.name for path in sys_net.iterdir())
    except OSError:
        return info
    by_ipv6 = _ipv6(ipv6_addresses)
    for name in names:
        if name.startswith(INNER):
            continue
        kind = "wifi" if (sys_net / name / "wireless").exists() else "lan"
        found = {
            f"{kind}_mac": _mac(sys_net / name / "address"),
            f"{kind}_ipv4": _ipv4(name),
            f"{kind}_ipv6": by_ipv6.get(name),
        }
        if f"{kind}_mac" not in info and (found[f"{kind}_ipv4"] or by_ipv6.get(name)):
            info |= {key: value for key, value in found.items() if value}
    return info


def _mac(path: Path) -> str | None:
    try:
        mac = path.read_text().strip()
    except (OSError, ValueError):
        return None
    return mac if mac.count(":") == 5 and mac.strip("0:") else None


def _ipv4(name: str) -> str | None:
    request = struct.pack("256s", name.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe.fileno(), SIOCGIFADDR, request)
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])


def _ipv6(path: Path) -> dict[str, str]:
    """The first global address of each interface."""
    found: dict[str, str] = {}
    try:
        lines = path.read_text().splitlines()
    except (OSError, ValueError):
        return found
    for line in lines:
        fields = line.split()
        if len(fields) == 6 and fields[3] == GLOBAL_SCOPE:
            address = ipaddress.IPv6Address(bytes.fromhex(fields[0]))
            found.setdefault(fields[5], str(address))
    return found
