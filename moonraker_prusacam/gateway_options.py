# Options of the read-only gateway.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``[gateway]`` of prusacam.conf as a frozen object."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - attrs resolves it
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from .networks import Networks
from .networks import networks as listed_networks
from .option import address, integer, option, secret_path, url

if TYPE_CHECKING:
    from collections.abc import Callable

    from .secret import Secret

# Who reads [gateway] wants a door in the network; ``networks`` decides whom it serves.
ANY_ADDRESS = "0.0.0.0"  # noqa: S104
MAX_ENTRIES = 32
SEPARATORS = re.compile(r"[\s,]+")
HOST_NAME = re.compile(
    r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
)


def _listed(parse: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    """What ``parse`` makes of each word; ``none`` is an empty list."""

    def parse_all(value: str) -> tuple[str, ...]:
        words = [word for word in SEPARATORS.split(value) if word]
        if not words:
            raise ValueError("is empty; 'none' means none")
        if len(words) > MAX_ENTRIES:
            raise ValueError(f"has more than {MAX_ENTRIES} entries")
        if [word.lower() for word in words] == ["none"]:
            return ()
        return tuple(dict.fromkeys(map(parse, words)))

    return parse_all


def host_name(value: str) -> str:
    """A host's name as browsers send it, without a port."""
    name = value.lower().rstrip(".")
    if not HOST_NAME.fullmatch(name):
        raise ValueError(f"{value!r} is not the name of a host, such as printer.home")
    return name


def origin(value: str) -> str:
    """A page's origin as browsers send it: scheme, host, and port if it is unusual."""
    try:
        parts = urlsplit(url("http", "https")(value.rstrip("/")))
    except ValueError as error:
        raise ValueError(f"{value!r} {error}") from None
    if parts.path:
        raise ValueError(f"{value!r} has a path; an origin is http://host:port")
    return f"{parts.scheme}://{parts.netloc.lower()}"


@attrs.frozen
class GatewayConfig:
    """``[gateway]``: the door for those who may watch, and do nothing else."""

    host: str = option(
        address, "Address that viewers connect to; 0.0.0.0: any", default=ANY_ADDRESS
    )
    port: int = option(integer(0, 65535), "Port of the gateway", default=7126)
    moonraker: str = option(
        url("http", "https"), "Address of Moonraker", default="http://127.0.0.1:7125"
    )
    api_key_file: Path | None = option(
        secret_path,
        "A file that holds Moonraker's API key, where it does not trust this host",
        default=None,
    )
    networks: Networks = option(
        listed_networks,
        "Who may watch: addresses, networks, `loopback`, `private`",
        default=listed_networks("loopback, private"),
    )
    trusted_proxies: Networks = option(
        listed_networks,
        "Web servers in front of the gateway, whose X-Forwarded-For is believed",
        default=Networks(),
    )
    token_file: Path | None = option(
        secret_path, "A file that holds a token that viewers must show", default=None
    )
    hosts: tuple[str, ...] = option(
        _listed(host_name),
        "Names that browsers may find the gateway by, besides addresses, names without "
        "a dot, and `.local`, `.lan`, `.home`, `.internal` and `.home.arpa`",
        default=(),
    )
    cors_origins: tuple[str, ...] = option(
        _listed(origin),
        "Pages of other hosts that may read from the gateway, `http://host:port`",
        default=(),
    )
    max_viewers: int = option(
        integer(1, 256),
        "WebSockets at once, streams at once, and videos at once",
        default=16,
    )
    api_key: Secret | None = None
    token: Secret | None = None
