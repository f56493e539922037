# A gateway for tests, and a Moonraker behind it that notes all it is asked.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes through the gateway is in ``FakeMoonraker.calls`` and ``requests``."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from aiohttp import web

from moonraker_prusacam.gateway.server import GatewayServer
from moonraker_prusacam.gateway_options import GatewayConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from moonraker_prusacam.viewing_tokens import ViewingTokens

WAIT_S = 10.0
JPEG = b"\xff\xd8picture\xff\xd9"


class FakeMoonraker:
    """Answers every call with ``answers[method]``, or with ``{}``."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.texts: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: dict[str, Any] = {}
        self.errors: dict[str, tuple[int, str]] = {}
        self.files: dict[str, bytes] = {}
        self.silent: set[str] = set()
        self.status = 200
        self.sockets: list[web.WebSocketResponse] = []
        self.url = ""
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def aclose(self) -> None:
        for socket in self.sockets:
            await socket.close()
        self.sockets.clear()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def methods(self) -> list[str]:
        return [call["method"] for call in self.calls]

    async def notify(self, text: str) -> None:
        """Tell whoever is connected."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(lambda: self.sockets)
        for socket in self.sockets:
            await socket.send_str(text)

    async def wait_for(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(condition)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.raw_path))
        self.headers.append(dict(request.headers))
        if request.path == "/websocket":
            return await self._watch(request)
        if self.status != 200:
            return web.Response(status=self.status)
        if request.path == "/server/jsonrpc":
            return web.json_response(await self._answer(await request.text()))
        if (content := self.files.get(request.path)) is not None:
            return web.Response(body=content, content_type="text/html")
        return web.json_response({"error": {"code": 404}}, status=404)

    async def _watch(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        async with self._changed:
            self.sockets.append(socket)
            self._changed.notify_all()
        async for message in socket:
            answer = await self._answer(message.data)
            if answer is not None:
                await socket.send_json(answer)
        if socket in self.sockets:
            self.sockets.remove(socket)
        return socket

    async def _answer(self, text: str) -> dict[str, Any] | None:
        call = json.loads(text)
        async with self._changed:
            self.texts.append(text)
            self.calls.append(call)
            self._changed.notify_all()
        method = call["method"]
        if method in self.silent:
            return None
        if method in self.errors:
            code, words = self.errors[method]
            error = {"code": code, "message": words}
            return {"jsonrpc": "2.0", "error": error, "id": call["id"]}
        result = self.answers.get(method, {})
        return {"jsonrpc": "2.0", "result": result, "id": call["id"]}


class FakeEngine:
    """An engine with one endless stream; 401 unless ``admits`` the query."""

    def __init__(
        self, admits: Callable[[Mapping[str, str]], bool] = lambda _: True
    ) -> None:
        self._admits = admits
        self.targets: list[str] = []
        self.written = 0
        self.is_closed = asyncio.Event()
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.targets.append(f"{request.method} {request.raw_path}")
        if not self._admits(request.query):
            return web.Response(status=401)
        if "snapshot" in request.path:
            return web.Response(
                body=JPEG,
                content_type="image/jpeg",
                headers={"X-Frame-Seq": "5", "Set-Cookie": "a=b"},
            )
        reply = web.StreamResponse(
            headers={"Content-Type": "multipart/x-mixed-replace; boundary=b"}
        )
        reply.force_close()
        await reply.prepare(request)
        try:
            while True:
                await reply.write(bytes(10_000))
                self.written += 10_000
        except ConnectionError:
            self.is_closed.set()
        return reply


@asynccontextmanager
async def gateway(
    moonraker: str,
    engine: str = "http://127.0.0.1:9",
    *,
    tokens: ViewingTokens | None = None,
    **options: Any,
) -> AsyncIterator[GatewayServer]:
    """A gateway on a free port; its ``port`` says which."""
    config = GatewayConfig(host="127.0.0.1", port=0, moonraker=moonraker, **options)
    server = GatewayServer(config, engine, ("/webcam2/",), tokens)
    try:
        await server.start()
        yield server
    finally:
        await server.aclose()


class Watcher:
    """A WebSocket at the gateway; ``ask`` skips notifications."""

    def __init__(self, port: int, **options: Any) -> None:
        self._url = f"ws://127.0.0.1:{port}/websocket"
        self._options = options
        self._session = aiohttp.ClientSession()
        self.notices: list[dict[str, Any]] = []

    async def connect(self) -> None:
        """Connect, unless that is done."""
        if not hasattr(self, "socket"):
            try:
                self.socket = await self._session.ws_connect(
                    self._url, max_msg_size=0, **self._options
                )
            except BaseException:
                await self._session.close()
                raise

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        await self._session.close()

    async def receive(self) -> Any:
        """The next message as it is read; raises ConnectionError at the end."""
        message = await self.socket.receive(timeout=WAIT_S)
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionError(f"{message.type.name} {message.data!r}")
        return json.loads(message.data)

    async def read_to_the_end(self) -> None:
        """Read until the gateway ends the connection."""
        with suppress(ConnectionError):
            while True:
                await self.receive()

    async def answer(self) -> Any:
        """The next message that answers something."""
        while "method" in (received := await self.receive()):
            self.notices.append(received)
        return received

    async def ask_text(self, text: str) -> Any:
        await self.socket.send_str(text)
        return await self.answer()

    async def ask(self, method: str, params: Any = None, id_: Any = 1) -> Any:
        call: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "id": id_}
        if params is not None:
            call["params"] = params
        return await self.ask_text(json.dumps(call))


async def raw_exchange(port: int, sent: bytes) -> bytes:
    """Everything that the gateway says to ``sent``, until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        await writer.drain()
        async with asyncio.timeout(WAIT_S):
            return await reader.read()
    finally:
        writer.close()
