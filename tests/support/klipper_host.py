# A host with a Klipper printer, without the engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated printer, real Moonraker, and our bridge on Moonraker's socket."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, Self

import attrs
import pytest
from yarl import URL

from moonraker_prusacam.connect.printer.klipper import KlipperPrinter, KlipperSettings
from moonraker_prusacam.connect.printer.messages import Command, Event, EventKind
from moonraker_prusacam.emulator.klippy import SimulatedPrinter
from moonraker_prusacam.emulator.moonraker import MoonrakerProcess
from moonraker_prusacam.errors import CommandRejected, TokenRejected
from moonraker_prusacam.moonraker import MoonrakerClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from moonraker_prusacam.connect.printer.file_server import FileServer
    from moonraker_prusacam.connect.printer.messages import Outcome
    from moonraker_prusacam.connect.printer.view import PrinterView

WAIT_S = 20.0
TOKEN = "aB3_-6789012345678xY"
FINGERPRINT = "0123456789abcdef0123456789abcdef"
PRINTER_CONFIG = """
[virtual_sdcard]
path: {gcodes}
[pause_resume]
[display_status]
[gcode_macro LOAD_IT]
variable_count: 0
gcode:
  SET_GCODE_VARIABLE MACRO=LOAD_IT VARIABLE=count VALUE={{count + 1}}
[gcode_macro GRUMBLE]
gcode:
  {{action_raise_error("not today")}}
[gcode_macro M107]
rename_existing: M107.1
gcode:
  M107.1
"""
# A second of printing, in steps that a pause can come between.
SHORT_GCODE = "; a print\nM104 S50\n" + "G4 P50\n" * 20
LONG_GCODE = "SET_PRINT_STATS_INFO TOTAL_LAYER=9\n" + "G4 P50\n" * 4000


@attrs.define
class ScriptedFileServer:
    """``FileServer`` for one address; without a token it is not registered."""

    address: URL = attrs.field(factory=lambda: URL("http://127.0.0.1:9"))
    token: str = TOKEN

    @property
    def url(self) -> URL:
        return self.address

    def headers(self) -> Mapping[str, str]:
        if not self.token:
            raise TokenRejected("the printer is not registered")
        return {"Token": self.token, "Fingerprint": FINGERPRINT}

    def redacted(self, text: str) -> str:
        for secret in (TOKEN, FINGERPRINT):
            text = text.replace(secret, "***")
        return text


class KlipperHost:
    """Use with ``async with``; ``folder`` should be short, for its sockets."""

    def __init__(
        self, folder: Path, *, file_server: FileServer | None = None, **settings: Any
    ) -> None:
        self.folder = folder
        self.data_path = folder / "data"
        self.gcodes = self.data_path / "gcodes"
        self.state_path = folder / "state"
        self.config_path = folder / "printer.cfg"
        self.socket_path = self.data_path / "comms" / "moonraker.sock"
        self.server = ScriptedFileServer()
        self._file_server = file_server or self.server
        self.settings = KlipperSettings(state_path=self.state_path, **settings)
        self.simulated = SimulatedPrinter(
            folder / "klippy.sock", self.gcodes, [self.config_path]
        )
        self.moonraker = MoonrakerProcess(self.data_path, folder / "klippy.sock")
        self.events: list[Event] = []
        self.changed = asyncio.Event()
        self._ids = itertools.count(1)
        self.client = MoonrakerClient(self.socket_path)
        self.printer = KlipperPrinter(self.client, self._file_server, self.settings)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._write_files)
        try:
            await self.simulated.start()
            await self.moonraker.start()
            await self.begin()
            await self.until(lambda view: view.klippy == "ready")
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.end()
        await self.moonraker.aclose()
        await self.simulated.aclose()

    async def begin(self) -> None:
        """Start a bridge, as a new process would."""
        self.client = MoonrakerClient(self.socket_path)
        self.printer = KlipperPrinter(self.client, self._file_server, self.settings)
        self.printer.on_change.append(self.changed.set)
        self.printer.on_event.append(self._note)
        self.client.start()
        await self.printer.start()

    async def end(self) -> None:
        """End the bridge, as a process would that is told to."""
        await self.printer.aclose()
        await self.client.aclose()

    @property
    def view(self) -> PrinterView:
        return self.printer.view

    def write(self, name: str, content: str | bytes) -> Path:
        """Put a file into the gcodes root."""
        path = self.gcodes / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    async def do(self, name: str, **kwargs: Any) -> Outcome:
        """Execute a command."""
        gcode = kwargs.pop("gcode", None)
        command = Command(id=next(self._ids), name=name, kwargs=kwargs, gcode=gcode)
        async with asyncio.timeout(WAIT_S):
            return await self.printer.execute(command)

    async def until(self, condition: Callable[[PrinterView], Any]) -> PrinterView:
        """Wait until the view is so."""
        try:
            async with asyncio.timeout(WAIT_S):
                while not condition(self.view):
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise AssertionError(f"it stays {self.view}") from None
        return self.view

    async def event(self, kind: EventKind, **data: Any) -> Event:
        """Wait for an event that has this data; it and what came before are taken."""
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    self.changed.clear()
                    for number, event in enumerate(self.events):
                        if event.kind is kind and data.items() <= event.data.items():
                            del self.events[: number + 1]
                            return event
                    await self.changed.wait()
        except TimeoutError:
            raise AssertionError(f"no {kind} {data} in {self.events}") from None

    async def start_print(self, name: str, gcode: str = LONG_GCODE) -> None:
        """Print a new file by command."""
        await asyncio.to_thread(self.write, name, gcode)
        await self.do("START_PRINT", path=f"/gcodes/{name}")

    async def rest(self) -> None:
        """Nothing is printed, and nothing is wrong, whatever the last test left."""
        view = await self.until(lambda view: view.klippy == "ready")
        if view.job is not None and view.job.state in ("printing", "paused"):
            await self.do("STOP_PRINT")
        await self.simulated.run_gcode("SDCARD_RESET_FILE")
        await self.until(lambda view: view.job is None)
        self.events.clear()

    def _note(self, event: Event) -> None:
        self.events.append(event)
        self.changed.set()

    def _write_files(self) -> None:
        for path in (self.gcodes, self.data_path / "comms"):
            path.mkdir(parents=True, exist_ok=True)
        self.config_path.write_text(PRINTER_CONFIG.format(gcodes=self.gcodes))


async def rejection(host: KlipperHost, name: str, **kwargs: Any) -> str:
    """The words with which a command is refused."""
    with pytest.raises(CommandRejected) as caught:
        await host.do(name, **kwargs)
    return str(caught.value)
