# A Moonraker that answers as a test says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listens on a Unix socket; what is not scripted is answered as a healthy one would."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

ETX = b"\x03"
WAIT_S = 10.0
SILENT = object()


class ScriptedMoonraker:
    """``answers`` are results by method, a function of params, an Exception, SILENT."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = "ready"
        self.status: dict[str, Any] = {
            "webhooks": {"state": "ready", "state_message": "Printer is ready"},
            "print_stats": {"state": "standby", "filename": ""},
        }
        self.answers: dict[str, Any] = {
            "server.connection.identify": {"connection_id": 1},
            "server.info": lambda _: {
                "klippy_connected": self.state != "disconnected",
                "klippy_state": self.state,
                "moonraker_version": "v1",
            },
            "printer.info": lambda _: {
                "state": self.state,
                "state_message": f"because of {self.state}\nsecond line",
                "hostname": "host",
                "software_version": "k1",
            },
            "printer.objects.list": lambda _: {"objects": list(self.status)},
            "printer.objects.query": lambda _: {"status": {"configfile": {}}},
            "printer.objects.subscribe": lambda _: {
                "status": self.status,
                "eventtime": 1.0,
            },
            "server.history.list": {"jobs": []},
        }
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.connections = 0
        self._changed = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def aclose(self) -> None:
        """Close all connections, and the socket."""
        if self._server is not None:
            self._server.close()
            self.drop()
            await self._server.wait_closed()
            self._server = None

    def drop(self) -> None:
        """Break off all connections."""
        for writer in self._writers:
            writer.transport.abort()

    def notify(self, method: str, *params: Any) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": list(params)})

    def send(self, message: Any) -> None:
        self.send_raw(json.dumps(message).encode() + ETX)

    def send_raw(self, data: bytes) -> None:
        for writer in self._writers:
            writer.write(data)

    async def until_called(self, method: str, count: int = 1) -> dict[str, Any]:
        """Wait until ``method`` was called so often; the params of the last."""

        def enough() -> bool:
            return sum(called == method for called, _ in self.calls) >= count

        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(enough)
        return [params for called, params in self.calls if called == method][-1]

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.add(writer)
        self.connections += 1
        try:
            while True:
                request = json.loads((await reader.readuntil(ETX))[:-1])
                await self._answer(request, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(
        self, request: dict[str, Any], writer: asyncio.StreamWriter
    ) -> None:
        method, params = request["method"], request["params"]
        answer: Any = self.answers.get(method, LookupError("Method not found"))
        if callable(answer):
            answer = answer(params)
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        if isinstance(answer, Exception):
            error = {"code": -32601, "message": str(answer)}
            writer.write(json.dumps({**reply, "error": error}).encode() + ETX)
        elif answer is not SILENT:
            writer.write(json.dumps({**reply, "result": answer}).encode() + ETX)
        self.calls.append((method, params))
        async with self._changed:
            self._changed.notify_all()
