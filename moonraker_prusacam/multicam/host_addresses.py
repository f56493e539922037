# Where others can reach this host.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses by which this host can be reached.

mDNS is bound to those that there are when it begins, so both who announces and who
listens have to know when they change.
"""

from __future__ import annotations

import ipaddress
import socket

# Of RFC 5737 and RFC 3849, for documentation: whatever is not on this host leads there.
ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
DISCARD_PORT = 9


def host_addresses() -> list[str]:
    """Addresses of this host that others can reach, those of IPv4 first.

    Today's controller takes the first one, and only if it is of IPv4: so it is the one
    by which this host reaches others, and not that of some container's bridge. System
    calls; raises OSError.
    """
    # Loaded for those who want it: it takes a while on a small board.
    import ifaddr

    found = set()
    for adapter in ifaddr.get_adapters():
        for each in adapter.ips:
            text = each.ip if isinstance(each.ip, str) else each.ip[0]
            address = ipaddress.ip_address(text.partition("%")[0])
            if not (address.is_loopback or address.is_unspecified):
                found.add(address)
    used = {_used_by(family, elsewhere) for family, elsewhere in ELSEWHERE}
    return [
        str(each)
        for each in sorted(
            found, key=lambda each: (each.version, str(each) not in used, each)
        )
    ]


def _used_by(family: socket.AddressFamily, elsewhere: str) -> str | None:
    """The address from which something would go there; nothing is sent."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((elsewhere, DISCARD_PORT))
        except OSError:
            return None
        return str(probe.getsockname()[0])
