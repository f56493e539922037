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
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from moonraker_prusacam.errors import SourceStalled, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    Deliver = Callable[[bytes | memoryview], None]

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
READ_BYTES = 256 << 10
DEFAULT_PORT = 9000


class TcpSource:
    """The bytes of one TCP connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or DEFAULT_PORT

    async def run(self, deliver: Deliver) -> None:
        """Deliver what the server sends; see Source."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        where = f"{host}:{self._port}"
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                transport, receiver = await loop.create_connection(
                    lambda: _Receiver(deliver), self._host, self._port
                )
        except TimeoutError as error:
            raise SourceUnavailable(f"{where} does not answer") from error
        except OSError as error:
            raise SourceUnavailable(_explain(error, where)) from error
        try:
            await receiver.wait_for_end(READ_TIMEOUT_S)
        except _Silence as error:
            raise SourceStalled(
                f"{where} is connected, but has sent nothing for {READ_TIMEOUT_S:.0f} s"
            ) from error
        except _Broken as error:
            raise SourceUnavailable(f"{where} dropped the connection") from error
        finally:
            transport.abort()
        raise SourceUnavailable(f"{where} closed the connection")


class _Silence(Exception):
    """Nothing came for too long."""


class _Broken(Exception):
    """The connection was lost without a goodbye."""


class _Receiver(asyncio.BufferedProtocol):
    """Receives into one buffer and delivers from it.

    A stream reader would copy each read twice, and make a timer and a wake-up for it:
    more than all the rest costs at one viewer.
    """

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._ended = asyncio.get_running_loop().create_future()
        self._heard = time.monotonic()

    async def wait_for_end(self, silence_s: float) -> None:
        """Return at the end; raises _Silence, _Broken, or what ``deliver`` raised."""
        while not self._ended.done():
            left_s = self._heard + silence_s - time.monotonic()
            if left_s <= 0:
                raise _Silence
            await asyncio.wait([self._ended], timeout=left_s)
        self._ended.result()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what came."""
        self._heard = time.monotonic()
        if self._ended.done():
            return
        try:
            self._deliver(self._buffer[:nbytes])
        except Exception as error:  # noqa: BLE001 - is raised by wait_for_end
            self._ended.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, or broke."""
        if self._ended.done():
            return
        if exc is None:
            self._ended.set_result(None)
        else:
            broken = _Broken()
            broken.__cause__ = exc
            self._ended.set_exception(broken)


def _explain(error: OSError, where: str) -> str:
    if isinstance(error, ConnectionRefusedError) or "refused" in str(error).lower():
        return f"nothing listens at {where}; is the camera's feed running?"
    if isinstance(error, socket.gaierror):
        return f"there is no host of the name in {where}"
    return f"{where}: {error.strerror or error}"
