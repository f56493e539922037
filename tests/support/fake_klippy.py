# A Klippy whose every byte a test decides.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""For what a well-behaved printer never does: refuse, be silent, talk nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 10.0
STATUS = "objects/subscribe"
MOVES = "motion_report/dump_trapq"
# The head rests here until a test says otherwise.
REST = [10.0, 20.0, 0.2, 0.0]
FIRST_PRINT_TIME = 100.0


class FakeKlippy:
    """Answers like Klipper, unless told otherwise, on a real Unix socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.states = ["ready"]  # told one after the other; the last one remains
        self.refused: set[str] = set()
        self.unanswered: set[str] = set()
        self.requests: list[dict[str, Any]] = []
        self.connections = 0
        self.toolhead: dict[str, Any] = {
            "print_time": 0.0,
            "stalls": 0,
            "axis_minimum": [0.0, 0.0, -2.0, 0.0],
            "axis_maximum": [250.0, 210.0, 220.0, 0.0],
        }
        self.settings: object = {"printer": {"kinematics": "corexy"}}
        self._started = time.clock_gettime(time.CLOCK_MONOTONIC_RAW)
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._templates: dict[str, dict[str, Any]] = {}
        self._news = asyncio.Condition()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def aclose(self) -> None:
        if self._server is not None:
            self._server.close()
            self.drop()
            await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    @property
    def print_time(self) -> float:
        return FIRST_PRINT_TIME + self.eventtime - self._started

    @property
    def eventtime(self) -> float:
        return time.clock_gettime(time.CLOCK_MONOTONIC_RAW)

    def drop(self) -> None:
        """End every connection, as the end of the process does."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def send(self, data: bytes) -> None:
        for writer in self._writers:
            writer.write(data)

    def tell(self, subscription: str, params: object) -> None:
        """A notification of a subscription."""
        message = {**self._templates[subscription], "params": params}
        self.send(json.dumps(message).encode() + b"\x03")

    def tell_status(self, **objects: dict[str, Any]) -> None:
        """A push of status, with the print time of now."""
        toolhead = {
            "estimated_print_time": self.print_time,
            **objects.pop("toolhead", {}),
        }
        self.tell(
            STATUS,
            {"eventtime": self.eventtime, "status": {"toolhead": toolhead, **objects}},
        )

    def tell_moves(self, *rows: object) -> None:
        self.tell(MOVES, {"data": rows})

    def asked(self, method: str) -> int:
        """How often ``method`` was asked for."""
        return sum(request["method"] == method for request in self.requests)

    async def wait_asked(self, method: str, times: int = 1) -> None:
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: self.asked(method) >= times)

    async def wait_connected(self, times: int) -> None:
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: self.connections >= times)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.append(writer)
        self.connections += 1
        async with self._news:
            self._news.notify_all()
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                data = await reader.readuntil(b"\x03")
                self._answer(writer, json.loads(data[:-1]))
                async with self._news:
                    self._news.notify_all()
        writer.close()

    def _answer(self, writer: asyncio.StreamWriter, request: dict[str, Any]) -> None:
        method, params = request["method"], request["params"]
        if method in self.unanswered:
            reply = None
        elif method in self.refused:
            reply = {"error": {"error": "WebRequestError", "message": "no callback"}}
        else:
            reply = {"result": self._result(method, params)}
        if "response_template" in params:
            self._templates[method] = params["response_template"]
        if reply is not None:
            message = {"id": request["id"], **reply}
            writer.write(json.dumps(message).encode() + b"\x03")
        self.requests.append(request)

    def _result(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if method == "info":
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return {"state": state}
        if method == MOVES:
            return {"header": ["time", "duration"]}
        status: dict[str, Any] = {"configfile": {"settings": self.settings}}
        if "toolhead" in params["objects"]:
            status = {
                "toolhead": {**self.toolhead, "estimated_print_time": self.print_time},
                "motion_report": {"live_position": REST, "live_velocity": 0.0},
                "system_stats": {"sysload": 0.1},
                "mcu": {"last_stats": {"bytes_retransmit": 0}},
            }
        return {"eventtime": self.eventtime, "status": status}
