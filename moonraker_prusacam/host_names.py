# Names by which browsers call this host.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names in a request nobody outside can have made to lead here.

A page of a stranger's site can have its name point to an address of a home network
(DNS rebinding), and is then, to the browser, a page of the host at that address. Only
the name in the request tells them apart.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

# Nobody can register these: RFC 6761, 6762 and 8375, and what was never delegated.
HOME_DOMAINS = (
    ".local",
    ".localhost",
    ".localdomain",
    ".home.arpa",
    ".internal",
    ".lan",
    ".home",
)


def host_name(header: str) -> str | None:
    """The name or address in a ``Host`` header, in lower case; None for nonsense."""
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return None
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return (parts.hostname or "").rstrip(".") or None


def is_home_name(name: str) -> bool:
    """Whether ``name`` is an address, or of this network and no other.

    A name without a dot is, such as the one that nginx gives to its upstream.
    """
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return "." not in name or name.endswith(HOME_DOMAINS)
    return True
