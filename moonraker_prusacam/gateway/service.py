# The gateway as a program.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``prusacam gateway`` runs: a process of its own, beside engine and Moonraker.

What viewers send is parsed here, so a defect in that harms neither cameras nor printer.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.addresses import own_url
from moonraker_prusacam.config import NGINX_PATHS
from moonraker_prusacam.errors import ConfigError
from moonraker_prusacam.viewing_tokens import ViewingTokens

from .server import GatewayServer

if TYPE_CHECKING:
    from moonraker_prusacam.config import Config, EngineConfig

log = logging.getLogger(__name__)

LOOPBACK = {4: "127.0.0.1", 6: "::1"}


def engine_url(engine: EngineConfig) -> str:
    """Where the engine is found from its own host."""
    address = ipaddress.ip_address(engine.host)
    if address.is_unspecified:
        engine = attrs.evolve(engine, host=LOOPBACK[address.version])
    return own_url(engine, engine.port)


def webcam_paths(config: Config) -> list[str]:
    """Where webcams of ours have addresses without a host."""
    addresses = [camera.webcam_url or "" for camera in config.cameras]
    if path := NGINX_PATHS.get(config.engine.port):
        addresses.append(path)
    return sorted({f"{path.rstrip('/')}/" for path in addresses if path[:1] == "/"})


def make_server(config: Config) -> GatewayServer:
    """The gateway that ``config`` describes; raises ConfigError without one."""
    if config.gateway is None:
        raise ConfigError("there is no [gateway] section, so the gateway is off")
    url, paths = engine_url(config.engine), webcam_paths(config)
    wants_token = config.access.require_token
    tokens = ViewingTokens(config.engine.state_path) if wants_token else None
    return GatewayServer(config.gateway, url, paths, tokens)


async def run(config: Config) -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    server = make_server(config)
    try:
        await server.start()
        log.info("the read-only gateway listens on port %d", server.port)
        await stop.wait()
        log.info("the read-only gateway stops")
    finally:
        await server.aclose()
