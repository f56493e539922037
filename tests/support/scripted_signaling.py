# A signalling server that does what a test says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engine.IO 4 and Socket.IO 5 by hand, packet by packet.

Written from the protocols' documents, without python-socketio, which is the client's:
so a test can send what no library would, and sees each packet as it was sent.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import WSMsgType, web

from moonraker_prusacam.connect.signaling.codec import Codec

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    from moonraker_prusacam.connect.signaling.messages import Message

WAIT_S = 10.0
PING_MS = 20_000
OPEN, PING, MESSAGE = "0", "2", "4"
CONNECT, EVENT, ACK, BINARY_EVENT = "0", "2", "3", "5"
ENGINE_SID, SID = "engine-sid-not-for-us", "namespace-sid-is-ours"
AUTHENTICATIONS = ("client_authentication", "camera_authentication")


@attrs.frozen
class Sent:
    """One event of a client."""

    name: str
    octets: bytes
    ack: int | None


class Peer:
    """One connection, seen from the server."""

    def __init__(self, socket: web.WebSocketResponse, server: SignalingServer) -> None:
        self._socket = socket
        self._server = server
        self.auth: Any = None
        self.sent: list[Sent] = []
        self.raw: list[str] = []
        self.closed = asyncio.Event()

    async def serve(self) -> None:
        """Answer until the client leaves; what it says is kept."""
        header: tuple[str, int | None] | None = None
        async for frame in self._socket:
            if frame.type is WSMsgType.BINARY:
                assert header is not None, "octets without an event"
                sent, header = Sent(header[0], frame.data, header[1]), None
                self.sent.append(sent)
                await self._server.told(self, sent)
                continue
            assert frame.type is WSMsgType.TEXT
            assert header is None, "an event without its octets"
            self.raw.append(frame.data)
            kind, text = frame.data[:1], frame.data[1:]
            if kind != MESSAGE:
                continue
            if text.startswith(CONNECT):
                self.auth = json.loads(text[1:])
                await self._server.connected(self)
            elif text.startswith(f"{BINARY_EVENT}1-"):
                number, _, rest = text[3:].partition("[")
                name = json.loads("[" + rest)[0]
                header = (name, int(number) if number else None)

    async def say(self, *frames: str | bytes) -> None:
        """Send frames as they are."""
        with suppress(ConnectionError):
            for frame in frames:
                if isinstance(frame, str):
                    await self._socket.send_str(frame)
                else:
                    await self._socket.send_bytes(frame)

    async def join(self) -> None:
        """Let the client into the namespace."""
        await self.say(MESSAGE + CONNECT + json.dumps({"sid": SID}))

    async def acknowledge(self, sent: Sent, *values: object) -> None:
        """Acknowledge an event of the client's."""
        await self.say(f"{MESSAGE}{ACK}{sent.ack}{json.dumps(list(values))}")

    async def emit(self, name: str, octets: bytes) -> None:
        """Send an event with octets."""
        head = json.dumps([name, {"_placeholder": True, "num": 0}])
        await self.say(f"{MESSAGE}{BINARY_EVENT}1-{head}", octets)

    async def emit_text(self, name: str, *values: object) -> None:
        """Send an event with other values."""
        await self.say(MESSAGE + EVENT + json.dumps([name, *values]))

    @property
    def close_code(self) -> int | None:
        """With what the client closed the websocket."""
        return self._socket.close_code

    async def close(self) -> None:
        """End the websocket."""
        await self._socket.close()

    def abort(self) -> None:
        """End the connection without a word."""
        transport = self._socket.get_extra_info("transport") or self._transport()
        transport.abort()

    def _transport(self) -> Any:
        return self._socket._req.transport  # type: ignore[union-attr]


class SignalingServer:
    """Lets everybody in, acknowledges with 0 and answers nothing, unless told else."""

    def __init__(self, profile: str = "wire") -> None:
        self.codec = Codec(profile)
        self.peers: list[Peer] = []
        self.headers: list[dict[str, str]] = []
        self.queries: list[dict[str, str]] = []
        self.port = 0
        self.status = 101  # of the upgrade
        self.redirect = ""
        self.opening: object = {
            "sid": ENGINE_SID,
            "upgrades": [],
            "pingInterval": PING_MS,
            "pingTimeout": PING_MS,
            "maxPayload": 1_000_000,
        }
        self.on_connect: Callable[[Peer], Awaitable[None]] = Peer.join
        self.acknowledgement: tuple[object, ...] | None = (0,)
        self.on_event: Callable[[Peer, Sent], Awaitable[None]] | None = None
        self._changed = asyncio.Condition()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until ``condition`` gives something true, looking at what was sent."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(condition)
        return condition()

    async def peer(self, number: int = 0) -> Peer:
        """The connection of that number, when there is one."""
        await self.until(lambda: len(self.peers) > number)
        return self.peers[number]

    async def event(self, name: str, number: int = 0) -> Sent:
        """The event of that name and number, of whichever connection."""
        await self.until(lambda: len(self.events(name)) > number)
        return self.events(name)[number]

    def events(self, name: str) -> list[Sent]:
        """All events of that name."""
        return [sent for peer in self.peers for sent in peer.sent if sent.name == name]

    async def tell(self, peer: Peer, name: str, message: Message) -> None:
        """Send a message to a client."""
        await peer.emit(name, self.codec.encode(message))

    async def connected(self, peer: Peer) -> None:
        """A client wants in."""
        await self.on_connect(peer)
        await self._tell()

    async def told(self, peer: Peer, sent: Sent) -> None:
        """A client said something."""
        if sent.name in AUTHENTICATIONS and self.acknowledgement is not None:
            await peer.acknowledge(sent, *self.acknowledgement)
        elif self.on_event is not None:
            await self.on_event(peer, sent)
        await self._tell()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection."""
        self.headers.append(dict(request.headers))
        self.queries.append(dict(request.query))
        if self.redirect:
            raise web.HTTPTemporaryRedirect(self.redirect)
        if self.status != 101:
            return web.Response(status=self.status, text="no")
        socket = web.WebSocketResponse(timeout=0.1)
        await socket.prepare(request)
        peer = Peer(socket, self)
        self.peers.append(peer)
        await self._tell()
        try:
            await peer.say(OPEN + json.dumps(self.opening))
            await peer.serve()
        finally:
            peer.closed.set()
            await self._tell()
        return socket

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def signaling(
    profile: str = "wire",
    *,
    context: ssl.SSLContext | None = None,
    environment: str | None = None,
) -> AsyncIterator[SignalingServer]:
    """A server that runs; ``environment`` is what it serves as environment.js."""
    server = SignalingServer(profile)

    async def page(_request: web.Request) -> web.Response:
        if environment is None:
            raise web.HTTPNotFound
        return web.Response(text=environment.replace("PORT", str(server.port)))

    app = web.Application()
    app.router.add_get("/socket.io/", server.serve)
    app.router.add_get("/environment.js", page)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()
