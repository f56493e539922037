# Our printer as a client of the scenario.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The printer of the engine with real Moonraker and the simulated printer below it."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

from moonraker_prusacam.connect.api import ConnectApi
from moonraker_prusacam.connect.clock import SystemClock
from moonraker_prusacam.connect.info import CAPABILITIES
from moonraker_prusacam.connect.printer import reporter
from moonraker_prusacam.connect.printer.api import PrinterApi
from moonraker_prusacam.connect.printer.cameras import CameraTokens, Vouched
from moonraker_prusacam.connect.printer.identity import PrinterIdentity
from moonraker_prusacam.connect.printer.klipper import GcodePolicy, hosts
from moonraker_prusacam.connect.printer.printer import ConnectPrinter
from moonraker_prusacam.printer_options import PrinterConfig
from tests.support import jpeg
from tests.support.klipper_host import KlipperHost
from tests.support.printer_scenario import in_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.secret import Secret

SPEED = 40.0
IDENTITY = PrinterIdentity("KLP-0123456789AB", "6.1.0", "0123456789abcdef" * 4)
CAMERA_FINGERPRINT = "fedcba9876543210" * 2
PICTURE = jpeg.picture(64, 48)
JUMP_S = 60.0
NEVER = ("MESH_BED_DATA", "SLOT_EVENT", "JOB_INFO", "FAILED")


class QuickClock(SystemClock):
    """A host's clock on which seconds are short, and that may jump."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._wall_s = time.time()

    def monotonic_s(self) -> float:
        """See Clock."""
        return self._began_s + (time.monotonic() - self._began_s) * SPEED

    def wall_s(self) -> float:
        """See Clock."""
        return self._wall_s + self.monotonic_s() - self._began_s

    def jump(self) -> None:
        """Let somebody set the clock."""
        self._wall_s += JUMP_S

    async def wait(self, event: asyncio.Event, until_s: float | None) -> None:
        """See Clock."""
        if until_s is not None:
            left_s = (until_s - self.monotonic_s()) / SPEED
            until_s = time.monotonic() + left_s
        await super().wait(event, until_s)


class OurClient:
    """What our engine has of a printer; ``do`` knows what happens to it."""

    storage = "/gcodes"
    never = frozenset(NEVER)

    def __init__(self, server: str, folder: Path, transport: str) -> None:
        self._server = server
        self._transport = transport
        self._folder = folder / "printer"
        self._clock = QuickClock()
        self.api = PrinterApi(server, IDENTITY, self._clock)
        self.host = KlipperHost(
            folder,
            file_server=self.api,
            gcode=GcodePolicy.ALL,
            load_filament="LOAD_IT",
            unload_filament="LOAD_IT",
            allow_lan_downloads=True,
        )
        self._printer: ConnectPrinter | None = None
        self._is_registered = asyncio.Event()

    @property
    def printer(self) -> ConnectPrinter:
        """After ``start``."""
        assert self._printer is not None
        return self._printer

    async def start(self) -> None:
        """Be there, unregistered."""
        config = PrinterConfig(
            consent=True,
            server=self._server,
            printer_type=IDENTITY.printer_type,
            transport=self._transport,
        )
        self._printer = ConnectPrinter(
            config,
            IDENTITY,
            self._folder,
            self.api,
            self.host.printer,
            self._note,
            clock=self._clock,
        )
        await self._printer.start()

    async def aclose(self) -> None:
        """Leave."""
        await self.printer.aclose()

    async def register(self) -> None:
        """See PrinterClient."""
        await self.printer.register()

    async def registered(self) -> None:
        """See PrinterClient; it goes on by itself."""
        await in_time(self._is_registered.wait())

    async def pulse(self) -> None:
        """See PrinterClient; telemetry comes by itself."""

    async def do(self, what: str, **_values: Any) -> None:
        """See PrinterClient; most of it comes by itself, or cannot happen here."""
        if what == "clock":
            self._clock.jump()
        if what == "camera":
            await self._vouch()
        if what == "detach":
            await self.host.moonraker.kill()
        if what == "attach":
            await self.host.moonraker.start()

    async def put_file(self, name: str, content: str) -> None:
        """See PrinterClient."""
        await asyncio.to_thread(self.host.write, name, content)

    def _note(self, event: dict[str, Any]) -> None:
        if event["state"] in ("starting", "online"):
            self._is_registered.set()

    async def _vouch(self) -> None:
        """A camera gets its token through the printer, and sends its picture."""
        tokens: list[Secret] = []
        size = {"width": 64, "height": 48}
        described = {
            "config": {"camera_id": "front", "name": "front", "resolution": size},
            "options": {"available_resolutions": [size]},
            "capabilities": list(CAPABILITIES),
            "fingerprint": CAMERA_FINGERPRINT,
        }
        vouched = Vouched("front", lambda: described, tokens.append)
        await CameraTokens(self.api, self._clock, self._folder, [vouched]).run()
        camera = ConnectApi(self._server, tokens[0], CAMERA_FINGERPRINT)
        try:
            await camera.put_snapshot(PICTURE)
        finally:
            await camera.aclose()


@asynccontextmanager
async def our_client(
    server: str, folder: Path, *, transport: str = "http"
) -> AsyncIterator[OurClient]:
    """A client with its host in ``folder``, whose path should be short."""
    client = OurClient(server, folder, transport)
    # What stands for the internet is on this host, which no file may come from.
    nearby = (*hosts.HOME, ipaddress.ip_network("127.0.0.0/8"))
    with (
        mock.patch.object(hosts, "HOME", nearby),
        # A second of the host's, in which it may be busy, and not of the clock's.
        mock.patch.object(reporter, "LATE_S", reporter.LATE_S * SPEED),
    ):
        async with client.host:
            await client.start()
            try:
                yield client
            finally:
                await client.aclose()
