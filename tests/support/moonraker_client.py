# A client of Moonraker, as its user interfaces are.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes requests, and collects notifications so that tests can wait for and count them.

Mainsail and Fluidd do both, over one HTTP origin and one websocket.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WAIT_S = 15.0
CONNECT_RETRY_S = 0.02


@dataclass(frozen=True)
class Answer:
    """An HTTP response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class MoonrakerClient:
    """Use with ``async with``; ``url`` is Moonraker's, without a trailing slash."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None
        self._websocket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._answers: dict[int, dict[str, Any]] = {}
        self._last_id = 0
        self.notifications: list[tuple[str, list[Any]]] = []

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        self._websocket = await self._session.ws_connect(f"{self._url}/websocket")
        self._reading = asyncio.create_task(self._read(self._websocket))
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._session is not None
        assert self._websocket is not None
        assert self._reading is not None
        await self._websocket.close()
        await self._reading
        await self._session.close()

    async def wait_until_served(self) -> None:
        """Return when Moonraker listens (again)."""
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    await self.ask("GET", "/server/info")
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(CONNECT_RETRY_S)
                else:
                    return

    async def ask(self, method: str, path: str, **arguments: Any) -> Answer:
        """The answer to an HTTP request, whatever it is."""
        assert self._session is not None
        async with (
            asyncio.timeout(WAIT_S),
            self._session.request(method, self._url + path, **arguments) as response,
        ):
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str) -> Any:
        """The ``result`` of a GET request that succeeds."""
        return self._result(await self.ask("GET", path))

    async def post(self, path: str, arguments: Any = None) -> Any:
        """The ``result`` of a POST request that succeeds."""
        return self._result(await self.ask("POST", path, json=arguments or {}))

    @staticmethod
    def _result(answer: Answer) -> Any:
        assert answer.status == 200, answer.text
        return json.loads(answer.body)["result"]

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The whole answer to a JSON-RPC request."""
        return await self.exchange({"method": method, "params": params})

    async def exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        """The whole answer to a JSON-RPC request as a user interface makes it."""
        assert self._websocket is not None
        self._last_id += 1
        identity = self._last_id
        await self._websocket.send_json({"jsonrpc": "2.0", "id": identity, **request})
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(lambda: identity in self._answers)
        return self._answers.pop(identity)

    def received(self, method: str) -> list[Any]:
        """The first parameter of every notification of ``method`` so far."""
        return [params[0] for name, params in self.notifications if name == method]

    async def wait_for(self, method: str, count: int = 1) -> Any:
        """Wait for the ``count``-th notification; its first parameter."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(lambda: len(self.received(method)) >= count)
        return self.received(method)[count - 1]

    async def wait_until(
        self, method: str, fits: Callable[[Any], bool], *, after: int = 0
    ) -> int:
        """Wait for a notification that fits; its place, to go on ``after``."""

        def place() -> int | None:
            for number, (name, params) in enumerate(self.notifications[after:], after):
                if name == method and fits(params[0]):
                    return number + 1
            return None

        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(lambda: place() is not None)
        found = place()
        assert found is not None
        return found

    async def wait_klippy_ready(self) -> None:
        """Return when Moonraker says that Klippy is ready."""
        if (await self.get("/server/info"))["klippy_state"] != "ready":
            await self.wait_for("notify_klippy_ready")

    async def _read(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in websocket:
            content = message.json()
            async with self._changed:
                if "id" in content:
                    self._answers[content["id"]] = content
                elif "method" in content:
                    params = content.get("params") or [None]
                    self.notifications.append((content["method"], params))
                self._changed.notify_all()
