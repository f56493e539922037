# The transport over one WebSocket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/p/ws``: JSON upwards, commands downwards as they come. Experimental.

Sources: Prusa's firmware for its printers (the subprotocol), and the unreleased branch
0.9.0 of its SDK (headers, frames). That telemetry and events differ by the key
``event`` alone is as the branch has it; no answer tells whether something was taken.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import aiohttp

from moonraker_prusacam.connect.api import described, without_nulls
from moonraker_prusacam.connect.refusals import Reply, error_of
from moonraker_prusacam.errors import ClosedError, ConnectUnavailable
from moonraker_prusacam.tasks import TaskOwner

from .clock_watch import CLOCK_ADJUSTED
from .faults import PRINTER_FAULTS
from .wire import command_in_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .api import PrinterApi
    from .link import CommandHandler
    from .messages import Event

log = logging.getLogger(__name__)

PATH = "p/ws"
SUBPROTOCOL = "prusa-connect"
OPEN_TIMEOUT_S = 10.0
SEND_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
HEARTBEAT_S = 30.0  # as the SDK's branch; a pong is waited for half as long
MAX_FRAME_BYTES = 256 << 10


class _Elsewhere(aiohttp.ClientError):
    """The server points to another host, which gets no token of ours."""


class SocketLink:
    """One connection, opened when something is to be told, and again after its end."""

    def __init__(self, api: PrinterApi) -> None:
        self.on_command: CommandHandler = lambda _: None
        self.on_open: Callable[[], None] = lambda: None
        self._api = api
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._tasks = TaskOwner("printer-socket")
        self._closed = False

    async def start(self) -> None:
        """See Link."""

    async def open(self) -> None:
        """See Link."""
        await self._opened()

    async def aclose(self) -> None:
        """See Link."""
        self._closed = True
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
        await self._tasks.aclose()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send_telemetry(self, told: Mapping[str, Any]) -> None:
        """See Link."""
        await self._send(told)

    async def send_event(self, event: Event, at_s: float) -> None:  # noqa: ARG002
        """See Link; a message has no place for the time."""
        await self._send(event.as_json())

    async def _send(self, told: Mapping[str, Any]) -> None:
        socket = await self._opened()
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await socket.send_json(without_nulls(told))
        except TimeoutError:
            trouble = f"{self._api.url.host} takes nothing any more"
        except (aiohttp.ClientError, OSError) as error:
            trouble = f"{self._api.url.host}: {described(error)}"
        else:
            return
        self._abandon(socket)
        raise ConnectUnavailable(self._api.redacted(trouble))

    async def _opened(self) -> aiohttp.ClientWebSocketResponse:
        if self._closed:
            raise ClosedError("the connection to Prusa Connect is closed")
        socket, jump = self._socket, self._api.watch.jump()
        if socket is not None and jump is not None:
            # Only a handshake can tell of it.
            self._abandon(socket)
        if self._socket is None or self._socket.closed:
            self._socket = await self._open(has_jumped=jump is not None)
            self._api.watch.acknowledge(jump)
            self._tasks.start("read", self._read(self._socket))
            self.on_open()
        return self._socket

    async def _open(self, *, has_jumped: bool) -> aiohttp.ClientWebSocketResponse:
        headers = self._api.headers()
        if has_jumped:
            headers[CLOCK_ADJUSTED] = "1"
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), middlewares=(self._stay,)
            )
        refusal: Reply | None = None
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                return await self._session.ws_connect(
                    self._api.url / PATH,
                    protocols=(SUBPROTOCOL,),
                    headers=headers,
                    heartbeat=HEARTBEAT_S,
                    max_msg_size=MAX_FRAME_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                )
        except TimeoutError:
            trouble = f"no answer from {self._api.url.host} in time"
        except aiohttp.WSServerHandshakeError as error:
            trouble = "no WebSocket"
            if error.status >= 400:
                refusal = Reply(error.status, error.headers or {}, b"")
        except _Elsewhere:
            trouble = f"{self._api.url.host} points to another address"
        except (aiohttp.ClientError, OSError) as error:
            trouble = f"{self._api.url.host}: {described(error)}"
        # Not inside the handlers: aiohttp's errors carry the headers of the request.
        if refusal is not None:
            raise error_of(refusal, self._api.redacted, PRINTER_FAULTS)
        raise ConnectUnavailable(self._api.redacted(trouble))

    async def _stay(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Follow a redirection to https of the same host only."""
        home, target = self._api.url, request.url
        if target.origin() != home.origin() and not (
            target.host == home.host and target.scheme in ("https", "wss")
        ):
            raise _Elsewhere
        return await handler(request)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Hand commands on until the connection ends."""
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.on_command(command_in_frame(message.data.encode()))
            elif message.type is aiohttp.WSMsgType.BINARY:
                self.on_command(command_in_frame(bytes(message.data)))
        log.debug("the WebSocket of Prusa Connect has ended")

    def _abandon(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Give up a connection that does not work; the next message opens another."""
        if self._socket is socket:
            self._socket = None
        if not self._closed:
            # A connection that is broken may not end in time; nobody waits for that.
            self._tasks.start("close", socket.close())
