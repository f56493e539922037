# A local Prusa Connect, and a printer that a test plays by hand.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests of a printer, one by one, right ones unless a test changes them."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp

from moonraker_prusacam.emulator.connect import LocalConnect, LocalPrinter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

FINGERPRINT = "f" * 32
SERIAL = {"sn": "SN-1234567890", "fingerprint": FINGERPRINT, "printer_type": "1.3.0"}
INFO = {"sn": SERIAL["sn"], "fingerprint": FINGERPRINT}
CAMERA = {
    "config": {"name": "Front", "trigger_scheme": "TEN_SEC"},
    "options": {"available_resolutions": [{"width": 640, "height": 480}]},
    "capabilities": ["trigger_scheme"],
    "fingerprint": "c" * 32,
}


class Told(NamedTuple):
    """An answer: its body parsed if it is JSON."""

    status: int
    content: Any
    headers: Mapping[str, str]


class PrinterBench:
    """``headers`` and ``printer`` are there after ``register``."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.connect = LocalConnect()
        self.http = http
        self.headers: dict[str, str] = {}

    @property
    def printer(self) -> LocalPrinter:
        """The printer that was registered last."""
        return next(reversed(self.connect.account.printers.values()))

    async def ask(self, method: str, path: str, data: Any = None, **more: str) -> Told:
        """Any request, with ``more`` headers."""
        body = json.dumps(data).encode() if isinstance(data, dict | list) else data
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        url = path if path.startswith("http") else self.connect.url + path
        async with self.http.request(
            method, url, data=body, headers=headers, allow_redirects=False
        ) as answer:
            content: Any = await answer.read()
            if answer.content_type == "application/json":
                content = json.loads(content)
            return Told(answer.status, content, answer.headers)

    async def register(self, **changes: str) -> None:
        """Become a printer, and be agreed to."""
        asked = await self.ask("POST", "/p/register", SERIAL | changes)
        self.connect.confirm(asked.headers["Code"])
        told = await self.ask("GET", "/p/register", Code=asked.headers["Code"])
        self.headers = {"Token": told.headers["Token"], "Fingerprint": FINGERPRINT}

    async def introduce(self) -> None:
        """Register and send INFO."""
        await self.register()
        await self.event("INFO", data=INFO, state="IDLE")

    async def own(self, method: str, path: str, data: Any = None, **more: str) -> Told:
        """A request with the printer's headers."""
        return await self.ask(method, path, data, **{**self.headers, **more})

    async def telemetry(self, state: Any = "IDLE", **more: Any) -> Told:
        """``POST /p/telemetry``."""
        return await self.own("POST", "/p/telemetry", {"state": state, **more})

    async def event(self, event: Any, source: Any = "CONNECT", **more: Any) -> Told:
        """``POST /p/events``."""
        told = {"event": event, "source": source, "data": {}, **more}
        return await self.own("POST", "/p/events", told)

    async def answer(self, told: Told, *events: str, **more: Any) -> None:
        """Answer the command that came with telemetry, by one event after another."""
        command_id = int(told.headers["Command-Id"])
        for event in events:
            assert (
                await self.event(event, command_id=command_id, **more)
            ).status == 204


@asynccontextmanager
async def printer_bench() -> AsyncIterator[PrinterBench]:
    """A bench whose Prusa Connect runs."""
    # A connection for each request: what a fault leaves behind harms no other.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as http:
        bench = PrinterBench(http)
        await bench.connect.start()
        try:
            yield bench
        finally:
            await bench.connect.aclose()
