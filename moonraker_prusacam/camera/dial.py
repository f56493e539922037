# Connections to cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP connection to a host by its name, and why there is none, in words.

Names may have addresses of both families, of which one leads nowhere: each gets a head
start of a quarter of a second and no more (RFC 8305).
"""

from __future__ import annotations

import asyncio
import socket

import aiohappyeyeballs

from moonraker_prusacam.errors import SourceUnavailable

CONNECT_TIMEOUT_S = 5.0
HEAD_START_S = 0.25


async def connect(host: str, port: int) -> socket.socket:
    """A connection to the first address that takes one; raises OSError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "no name of a host") from error
    return await aiohappyeyeballs.start_connection(
        found, happy_eyeballs_delay=HEAD_START_S, interleave=1
    )


def explain(error: OSError, where: str) -> SourceUnavailable:
    """Why ``where`` could not be connected to, in words."""
    if isinstance(error, TimeoutError):
        return SourceUnavailable(
            f"{where} does not answer",
            advice="is it switched on, and is that still its address?",
        )
    if isinstance(error, ConnectionRefusedError) or "refused" in str(error).lower():
        return SourceUnavailable(
            f"nothing listens at {where}", advice="is the camera's feed running?"
        )
    if isinstance(error, socket.gaierror):
        return SourceUnavailable(
            f"there is no host of the name in {where}",
            advice="compare the name, or write the camera's address",
        )
    return SourceUnavailable(
        f"{where}: {error.strerror or error}", advice="look at this host's network"
    )
