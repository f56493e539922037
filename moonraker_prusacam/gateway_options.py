# Options of the read-only gateway.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``[gateway]`` of prusacam.conf as a frozen object."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - attrs resolves it
from typing import TYPE_CHECKING

import attrs

from .access_options import ANY_ORIGIN, host_names, origins
from .networks import Networks
from .networks import networks as listed_networks
from .option import address, integer, option, secret_path, url

if TYPE_CHECKING:
    from .secret import Secret

# Who reads [gateway] wants a door in the network; ``networks`` decides whom it serves.
ANY_ADDRESS = "0.0.0.0"  # noqa: S104


def pages(value: str) -> tuple[str, ...]:
    """Origins, as of ``[access]``, but none that stands for all."""
    found = origins(value)
    if ANY_ORIGIN in found:
        raise ValueError("'*' would let every page read; name those that may")
    return found


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
        host_names,
        "Names that browsers may find the gateway by, besides addresses, names without "
        "a dot, and those of home networks such as `.local`",
        default=(),
    )
    cors_origins: tuple[str, ...] = option(
        pages,
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
