# A client of Klipper's API, and a simulated printer for one test.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays Moonraker's side of the API socket and keeps every message with its time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from moonraker_prusacam.emulator.klippy import SimulatedPrinter
from moonraker_prusacam.tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

DATA = Path(__file__).parent.parent / "data" / "klippy"
WAIT_S = 10.0
READ_LIMIT_BYTES = 16 << 20

Message = dict[str, Any]


class ApiError(Exception):
    """The printer answered with an error; the text is its message."""


class KlippyClient:
    """One connection. ``received`` holds (seconds, message), the end as None."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.writer = writer
        self.received: list[tuple[float, Message | None]] = []
        self._reader = reader
        self._ids = itertools.count(1)
        self._news = asyncio.Condition()
        self._tasks = TaskOwner("klippy client")
        self._tasks.start("read", self._read())

    @classmethod
    async def connect(cls, path: Path) -> KlippyClient:
        """Open a connection; OSError if nobody listens."""
        return cls(*await asyncio.open_unix_connection(path, limit=READ_LIMIT_BYTES))

    async def _read(self) -> None:
        while True:
            message: Message | None = None
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                data = await self._reader.readuntil(b"\x03")
                message = json.loads(data[:-1])
            async with self._news:
                self.received.append((time.monotonic(), message))
                self._news.notify_all()
            if message is None:
                return

    def send(self, method: str, params: Message | None = None) -> int:
        """Send a request without waiting; returns its id."""
        request_id = next(self._ids)
        request = {"id": request_id, "method": method, "params": params or {}}
        self.writer.write(json.dumps(request).encode() + b"\x03")
        return request_id

    async def wait_for(
        self,
        predicate: Callable[[Message], bool],
        *,
        start: int = 0,
        timeout_s: float = WAIT_S,
    ) -> Message:
        """First message from index ``start`` on that fits."""
        found: Message = {}

        def seen() -> bool:
            for _time, message in self.received[start:]:
                if message is not None and predicate(message):
                    found.update(message)
                    return True
            return False

        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(seen)
        return found

    async def wait_for_more(self, count: int, timeout_s: float = WAIT_S) -> None:
        """Wait until more than ``count`` messages have been received."""
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(lambda: len(self.received) > count)

    async def reply(self, request_id: int, timeout_s: float = WAIT_S) -> Any:
        """Result of a request; ApiError if it failed."""
        message = await self.wait_for(
            lambda m: m.get("id") == request_id, timeout_s=timeout_s
        )
        if "error" in message:
            raise ApiError(message["error"]["message"])
        return message["result"]

    async def request(self, method: str, **params: Any) -> Any:
        """Send a request and wait for its result; ApiError if it failed."""
        return await self.reply(self.send(method, params))

    async def gcode(self, script: str) -> None:
        """Run a script; ApiError if it failed."""
        await self.request("gcode/script", script=script)

    async def status(self, **objects: list[str] | None) -> Message:
        """Status of the objects."""
        result = await self.request("objects/query", objects=objects)
        status: Message = result["status"]
        return status

    async def listen(self) -> None:
        """Subscribe to the console."""
        template = {"method": "console"}
        await self.request("gcode/subscribe_output", response_template=template)

    async def register(self, remote_method: str) -> None:
        """Register a remote method; its calls arrive under its own name."""
        await self.request(
            "register_remote_method",
            remote_method=remote_method,
            response_template={"method": remote_method},
        )

    def named(self, method: str) -> list[Message]:
        """Params of the notifications of that name so far."""
        return [
            message["params"]
            for _time, message in self.received
            if message is not None and message.get("method") == method
        ]

    @property
    def console(self) -> list[str]:
        """Console responses so far."""
        return [params["response"] for params in self.named("console")]

    async def wait_console(self, text: str, timeout_s: float = WAIT_S) -> None:
        """Wait until a console response starts with ``text``."""
        await self.wait_for(
            lambda m: (
                m.get("method") == "console"
                and m["params"]["response"].startswith(text)
            ),
            timeout_s=timeout_s,
        )

    async def closed(self, timeout_s: float = WAIT_S) -> None:
        """Wait until the printer has closed the connection."""
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(
                lambda: bool(self.received) and self.received[-1][1] is None
            )

    async def aclose(self) -> None:
        """Close the connection."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()
        await self._tasks.aclose()


async def wait_moving(client: KlippyClient, x_above: float) -> None:
    """Wait until the nozzle is right of ``x_above``; looks at each tick of status."""
    while True:
        status = await client.status(motion_report=["live_position"])
        if status["motion_report"]["live_position"][0] > x_above:
            return


@contextlib.asynccontextmanager
async def running_printer(
    folder: Path,
    *,
    config: str = "",
    config_paths: Sequence[Path] = (),
    speed: float = 100.0,
    files: dict[str, str] | None = None,
) -> AsyncIterator[tuple[SimulatedPrinter, KlippyClient]]:
    """A started printer with ``files`` to print, and a client with a console."""
    gcodes = folder / "gcodes"
    gcodes.mkdir(exist_ok=True)
    for name, text in (files or {}).items():
        (gcodes / name).write_text(text, encoding="utf-8")
    main = folder / "printer.cfg"
    main.write_text(config, encoding="utf-8")
    printer = SimulatedPrinter(
        folder / "klippy.sock", gcodes, [main, *config_paths], speed=speed
    )
    # A real start takes a moment that no test needs.
    with mock.patch("moonraker_prusacam.emulator.klippy.printer.CONNECT_S", 0.0):
        await printer.start()
    try:
        client = await KlippyClient.connect(folder / "klippy.sock")
        try:
            await client.listen()
            yield printer, client
        finally:
            await client.aclose()
    finally:
        await printer.aclose()
