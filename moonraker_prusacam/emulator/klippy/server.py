# Connections to the API socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON messages with an ETX behind each, both ways, over a Unix socket.

What a client sends cannot stop the server: a message that is no request is logged and
dropped. What a client does not read cannot slow the printer: nothing waits for a write,
and a client that has read nothing for UNRESPONSIVE_S is closed. Source: Klipper
docs/API_Server.md and klippy/webhooks.py.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

from .webhooks import WebRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

ETX = b"\x03"
UNRESPONSIVE_S = 5.0
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
# Requests of one client that may be unanswered before no more are read.
MAX_PENDING_REQUESTS = 256
# Clients that are connected at the same time.
MAX_CLIENTS = 64


class ClientConnection(asyncio.Protocol):
    """One client: splits what it sends into requests and writes messages to it."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._pending = 0
        self._is_blocked = False
        self._blocked_timer: asyncio.TimerHandle | None = None
        self.closed = asyncio.Event()

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport is None or self._transport.is_closing()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; tell at once when a write does not go through."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream socket was expected")
        transport.set_write_buffer_limits(high=0)
        self._transport = transport
        if not self._server.add(self):
            transport.abort()

    def connection_lost(self, _exc: Exception | None) -> None:
        """The client is gone."""
        if self._blocked_timer is not None:
            self._blocked_timer.cancel()
        self._transport = None
        self._server.remove(self)
        self.closed.set()

    def pause_writing(self) -> None:
        """The client does not read: it has UNRESPONSIVE_S to start again."""
        self._is_blocked = True
        loop = asyncio.get_running_loop()
        self._blocked_timer = loop.call_later(UNRESPONSIVE_S, self._drop_unresponsive)
        self._choose_reading()

    def resume_writing(self) -> None:
        """The client has read everything."""
        self._is_blocked = False
        if self._blocked_timer is not None:
            self._blocked_timer.cancel()
            self._blocked_timer = None
        self._choose_reading()

    def data_received(self, data: bytes) -> None:
        """Hand on each complete message."""
        # Only the new bytes can hold the end of a message.
        *complete, rest = data.split(ETX)
        for part in complete:
            message = bytes(self._received + part)
            self._received.clear()
            self._read_request(message)
        self._received += rest
        if len(self._received) > MAX_MESSAGE_BYTES:
            log.warning("API client sent an oversized message: closed")
            self.abort()

    # Requests

    def _read_request(self, message: bytes) -> None:
        try:
            request = WebRequest.parse(self, message)
        except ValueError as error:
            log.warning("API client sent no request (%s): %.80r", error, message)
            return
        self._pending += 1
        self._choose_reading()
        self._server.handle(request)

    def finish(self, request: WebRequest, reply: dict[str, Any]) -> None:
        """Answer a request, unless it wants no answer."""
        self._pending -= 1
        self._choose_reading()
        if request.request_id is not None:
            self.send({"id": request.request_id, **reply})

    def _choose_reading(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._is_blocked or self._pending >= MAX_PENDING_REQUESTS:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # Messages

    def send(self, message: dict[str, Any]) -> None:
        """Write a message; never waits, does nothing on a closed connection."""
        if self._transport is None or self._transport.is_closing():
            return
        try:
            text = json.dumps(message, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            # A macro can do this, by a remote call with an undefined value.
            log.exception("API message")
            self._server.shut_down(f"json encoding error: {error}")
            return
        self._transport.write(text.encode() + ETX)

    def _drop_unresponsive(self) -> None:
        log.info("API client does not read: closed")
        self.abort()

    def close(self) -> None:
        """Close; what the client did not read so far is lost."""
        if self._transport is None:
            return
        if self._is_blocked:
            self._transport.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, as the end of the process would."""
        if self._transport is not None:
            self._transport.abort()


class ApiServer:
    """Listens on the socket and owns the connections."""

    def __init__(
        self,
        path: Path,
        handle: Callable[[WebRequest], None],
        shut_down: Callable[[str], None],
    ) -> None:
        self._path = path
        self.handle = handle
        self.shut_down = shut_down
        self._server: asyncio.Server | None = None
        self._connections: set[ClientConnection] = set()

    async def start(self) -> None:
        """Take over the path and listen. Raises OSError."""
        await asyncio.to_thread(self._path.unlink, missing_ok=True)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: ClientConnection(self), self._path
        )

    def add(self, connection: ClientConnection) -> bool:
        """Admit a connection; False if there are too many or the server is closed."""
        if self._server is None or len(self._connections) >= MAX_CLIENTS:
            log.warning("API client refused")
            connection.closed.set()
            return False
        self._connections.add(connection)
        return True

    def remove(self, connection: ClientConnection) -> None:
        """Forget a connection that is closed."""
        self._connections.discard(connection)

    async def aclose(self, *, abort: bool = False) -> None:
        """Stop listening and close all connections. Idempotent."""
        if self._server is not None:
            self._server.close()
            self._server = None
        connections = list(self._connections)
        for connection in connections:
            if abort:
                connection.abort()
            else:
                connection.close()
        for connection in connections:
            await connection.closed.wait()
        await asyncio.to_thread(self._path.unlink, missing_ok=True)
