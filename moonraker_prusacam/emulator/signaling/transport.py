# The WebSocket under a connection to the local signalling service.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hand on what leaves: pings that do not come, silence, a server of long ago.

python-socketio's server is a good one; what it would never do is done below it.
"""

from __future__ import annotations

import asyncio
import json
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import WSMsgType, web

from moonraker_prusacam.emulator.connect.wire import reset_on_close

from .faults import FaultKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .faults import Fault

PING = "2"  # Engine.IO
OPEN = "0"
CONNECTED = "40"  # Engine.IO, message; Socket.IO, connect
TEXT_TYPES = (WSMsgType.TEXT, WSMsgType.BINARY)
OLD_OPEN = {
    "sid": "AAAAAAAAAAAAAAAAAAAA",
    "upgrades": [],
    "pingInterval": 25000,
    "pingTimeout": 5000,
}


@attrs.define(eq=False)
class Visit:
    """One who came to the door, and how it is treated."""

    number: int
    fault: Fault | None = None
    socket: GuardedSocket | None = None


# That of the connection that the current task serves.
VISIT: ContextVar[Visit] = ContextVar("visit")


class GuardedSocket:
    """Takes the place of the WebSocket in the driver of engineio's server.

    engineio makes one for each request with ``(handler, server)``, calls it with the
    request's environment, and its handler calls ``wait``, ``send`` and ``close``.
    """

    def __init__(
        self, handler: Callable[[GuardedSocket], Awaitable[None]], server: Any
    ) -> None:
        self._handler = handler
        self._max_bytes: int = server.max_http_buffer_size
        self._request: web.Request | None = None
        self._fault: Fault | None = None
        self._response = web.WebSocketResponse(max_msg_size=self._max_bytes)
        self.stalled = False
        # The answer to the namespace's CONNECT has left.
        self.greeted = asyncio.Event()

    async def __call__(self, environ: dict[str, Any]) -> web.StreamResponse:
        """Serve the request of ``environ`` until its end."""
        request: web.Request = environ["aiohttp.request"]
        visit = VISIT.get()
        visit.socket = self
        self._request, self._fault = request, visit.fault
        await self._response.prepare(request)
        await self._handler(self)
        return self._response

    async def wait(self) -> str | bytes:
        """The next message; OSError when none comes any more."""
        message = await self._response.receive()
        if message.type not in TEXT_TYPES:
            raise OSError("the connection has ended")
        data: str | bytes = message.data
        return data

    async def send(self, message: str | bytes) -> None:
        """Send a message, unless a fault forbids it."""
        if self.stalled:
            return
        if self._fault is not None and isinstance(message, str):
            if message == PING and self._fault.kind is FaultKind.NO_PING:
                return
            if message.startswith(OPEN) and self._fault.seconds is not None:
                message = _impatient(message, self._fault.seconds)
        if isinstance(message, bytes):
            await self._response.send_bytes(message)
        else:
            await self._response.send_str(message)
            if message.startswith(CONNECTED):
                self.greeted.set()

    async def close(self) -> None:
        """End the connection; while stalled, not before the client does."""
        while self.stalled:
            message = await self._response.receive()
            if message.type not in TEXT_TYPES:
                return
        await self._response.close()

    def stall(self) -> None:
        """Send nothing any more, and keep the connection."""
        self.stalled = True

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self.stalled = False
        transport = self._request.transport if self._request is not None else None
        if transport is not None:
            reset_on_close(transport.get_extra_info("socket"))
            transport.abort()


def _impatient(opening: str, patience_s: float) -> str:
    """The opening packet, but silence of ``patience_s`` means that the server is gone.

    The pings still come as often as the server was told to send them.
    """
    content = json.loads(opening.removeprefix(OPEN))
    content |= {"pingInterval": 0, "pingTimeout": round(patience_s * 1000)}
    return OPEN + json.dumps(content)


async def answer_of_old(
    request: web.Request, patience_s: float | None
) -> web.WebSocketResponse:
    """A server of Engine.IO 3: connects by itself, has no sid there, and never pings.

    There, clients ping; this one answers neither that nor anything else.
    """
    response = web.WebSocketResponse()
    await response.prepare(request)
    opening = dict(OLD_OPEN)
    if patience_s is not None:
        opening |= {"pingInterval": 0, "pingTimeout": round(patience_s * 1000)}
    await response.send_str(OPEN + json.dumps(opening))
    await response.send_str(CONNECTED)
    async for _ in response:
        pass
    return response
