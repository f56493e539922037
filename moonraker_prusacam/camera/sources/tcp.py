# Raw MJPEG from a TCP server.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``tcp://host:port``: JPEGs back to back, as ``rpicam-vid --codec mjpeg`` sends them.

``rpicam-vid --listen -o tcp://…`` serves one client and ends when that client leaves,
so the connection is held for as long as bytes come.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.receiver import Broken, Silence
from moonraker_prusacam.errors import SourceStalled, SourceUnavailable

if TYPE_CHECKING:
    from moonraker_prusacam.camera.receiver import Receiver
    from moonraker_prusacam.camera_options import CameraConfig

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
DEFAULT_PORT = 9000
FEED_ADVICE = (
    "rpicam-vid ends when its client leaves: run it in a loop, or let the engine run "
    "it, with source: exec:rpicam-vid …"
)


class TcpSource:
    """The bytes of one TCP connection."""

    def __init__(self, config: CameraConfig) -> None:
        self._host = config.source.host
        self._port = config.source.port or DEFAULT_PORT

    async def run(self, receiver: Receiver) -> None:
        """Receive what the server sends; see Source."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        where = f"{host}:{self._port}"
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connection = await connect(self._host, self._port)
        except (TimeoutError, OSError) as error:
            raise explain(error, where) from error
        receiver.reached(Stage.AUTHENTICATED)
        try:
            await receiver.read(connection.detach(), READ_TIMEOUT_S)
        except Silence as error:
            raise SourceStalled(
                f"{where} is connected, but has sent nothing for "
                f"{READ_TIMEOUT_S:.0f} s",
                advice=f"restart what serves {where}",
            ) from error
        except Broken as error:
            raise SourceUnavailable(
                f"{where} dropped the connection", advice=FEED_ADVICE
            ) from error
        raise SourceUnavailable(f"{where} closed the connection", advice=FEED_ADVICE)


async def connect(host: str, port: int) -> socket.socket:
    """A connection to the first address that takes one."""
    loop = asyncio.get_running_loop()
    refusal: OSError = OSError(f"no address of {host}")
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in found:
        connection = socket.socket(family, kind, protocol)
        connection.setblocking(False)
        try:
            await loop.sock_connect(connection, address)
        except OSError as error:
            connection.close()
            refusal = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise refusal


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
