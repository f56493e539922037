# A Prusa Connect that does as a test says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps what printers send, and answers from a script; where that is empty, well."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

TOKEN = "0123456789AbCdEfGhIj"
CODE = "AB12CD34EF"
WAIT_S = 10.0

# Never answers: the request is held until the client leaves.
SILENCE = object()


@attrs.frozen
class Received:
    """One request; ``body`` is what its JSON says."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class ScriptedConnect:
    """``script[path]`` holds answers in their turn."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.script: defaultdict[str, deque[Any]] = defaultdict(deque)
        self.url = ""
        self.sockets: list[web.WebSocketResponse] = []
        self.frames: list[Any] = []
        self.changed = asyncio.Condition()

    def answer(self, path: str, *answers: Any) -> None:
        """Answer requests for ``path`` by these, each a Response or SILENCE."""
        self.script[path].extend(answers)

    def of(self, path: str, method: str = "POST") -> list[Received]:
        """The requests for ``path``."""
        return [r for r in self.requests if (r.path, r.method) == (path, method)]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The bodies of all events."""
        return [request.body for request in self.of("/p/events")]

    @property
    def telemetry(self) -> list[dict[str, Any]]:
        """The bodies of all telemetry."""
        return [request.body for request in self.of("/p/telemetry")]

    def kinds(self) -> list[str]:
        """The events' names."""
        return [event["event"] for event in self.events]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds, asked after each request."""
        async with asyncio.timeout(WAIT_S), self.changed:
            await self.changed.wait_for(condition)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if request.path == "/p/ws":
            return await self._talk(request)
        raw = await request.read()
        body = json.loads(raw) if raw else None
        self.requests.append(
            Received(request.method, request.path, request.headers.copy(), body)
        )
        async with self.changed:
            self.changed.notify_all()
        script = self.script[request.path]
        if not script:
            return self._well(request)
        answer = script.popleft()
        if answer is SILENCE:
            await asyncio.Event().wait()
        assert isinstance(answer, web.StreamResponse)
        return answer

    async def _talk(self, request: web.Request) -> web.StreamResponse:
        script = self.script["/p/ws"]
        if script:
            refusal = script.popleft()
            assert isinstance(refusal, web.StreamResponse)
            return refusal
        self.requests.append(Received("GET", "/p/ws", request.headers.copy(), None))
        socket = web.WebSocketResponse(protocols=("prusa-connect",))
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            self.frames.append(json.loads(message.data))
            async with self.changed:
                self.changed.notify_all()
        return socket

    def _well(self, request: web.Request) -> web.Response:
        if request.path == "/p/register":
            if request.method == "POST":
                return web.Response(headers={"Code": CODE})
            return web.Response(headers={"Token": TOKEN})
        if request.path == "/p/camera":
            return web.Response(headers={"Token": "C" * 20})
        return web.Response(status=204)


def command(identity: int, name: str, **kwargs: Any) -> web.Response:
    """A reply to telemetry that asks for something."""
    return web.json_response(
        {"command": name, "args": [], "kwargs": kwargs},
        headers={"Command-Id": str(identity)},
    )


@asynccontextmanager
async def scripted_connect() -> AsyncIterator[ScriptedConnect]:
    """One that listens."""
    connect = ScriptedConnect()
    app = web.Application()
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]] = connect.handle
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=1.0, handler_cancellation=True
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    connect.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield connect
    finally:
        for socket in connect.sockets:
            await socket.close()
        await runner.cleanup()
