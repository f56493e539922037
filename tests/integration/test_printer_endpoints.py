# Tests of a printer in Prusa Connect on real Moonraker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Through Moonraker's endpoints, with the engine as a process of its own.

Prusa Connect hangs in the middle of a print, the engine is killed, Moonraker restarts;
the print knows nothing of it, and in the end Prusa Connect knows everything.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.emulator.connect import Fault, FaultKind
from moonraker_prusacam.emulator.stand import Stand
from moonraker_prusacam.errors import EmulatorError

if TYPE_CHECKING:
    from moonraker_prusacam.emulator.connect import LocalPrinter

pytestmark = pytest.mark.moonraker

WAIT_S = 30.0
ROOT = "/server/prusacam/printer"
# Three seconds and eight.
SHORT_GCODE = "G4 P50\n" * 60
LONG_GCODE = "G4 P50\n" * 160


class User:
    """Somebody at Mainsail, and at Prusa Connect."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand

    @property
    def there(self) -> LocalPrinter:
        """The printer as Prusa Connect has it."""
        return next(
            printer
            for printer in self.stand.connect.account.printers.values()
            if (printer.serial_number or "").startswith("KLP-")
        )

    async def get(self) -> dict[str, Any]:
        """How the printer stands."""
        told: dict[str, Any] = await self.stand.moonraker.request("GET", ROOT)
        return told

    async def post(self, what: str) -> Any:
        """Ask for something."""
        return await self.stand.moonraker.request("POST", f"{ROOT}/{what}")

    async def until(self, state: str) -> None:
        """Wait until the printer stands so."""

        async def stands() -> bool:
            with contextlib.suppress(EmulatorError):  # the engine is away
                return bool((await self.get())["state"] == state)
            return False

        await self.stand.until(stands, f"the printer to be {state}", WAIT_S)

    async def until_told(self, state: str) -> None:
        """Wait until Prusa Connect has been told that the printer is so."""

        async def is_told() -> bool:
            return any(event.state == state for event in self.there.events)

        await self.stand.until(is_told, f"Prusa Connect to know of {state}", WAIT_S)

    async def until_back(self, state: str) -> None:
        """Wait until the newest that Prusa Connect knows is this."""

        async def is_back() -> bool:
            return self.there.state == state

        await self.stand.until(is_back, f"the printer to be {state} again", WAIT_S)

    async def until_printed(self) -> None:
        """Wait for the end of the print, by Klipper's own word."""

        async def is_printed() -> bool:
            path = "/printer/objects/query"
            told = await self.stand.moonraker.request("GET", path, print_stats="state")
            return bool(told["status"]["print_stats"]["state"] == "complete")

        await self.stand.until(is_printed, "the end of the print", WAIT_S)


async def test_printer_when_used_through_moonraker_then_prusa_connect_follows() -> None:
    with tempfile.TemporaryDirectory(prefix="pr-") as folder:
        async with Stand(Path(folder), printer_options="") as stand:
            user = User(stand)
            assert (await user.get())["state"] == "unregistered"
            with pytest.raises(EmulatorError, match="409"):
                await user.post("ready")
            ticket = await user.post("register")
            assert (await user.get())["code"] == ticket["code"]
            stand.connect.confirm(ticket["code"])
            await user.until("online")
            with pytest.raises(EmulatorError, match="409"):
                await user.post("register")
            with pytest.raises(EmulatorError, match="400"):
                await user.post("ready?ready=perhaps")
            await user.until_told("IDLE")
            assert (await user.post("ready")) == {"ready": True}
            await user.until_told("READY")

            await stand.start_print("short.gcode", SHORT_GCODE)
            await user.until_told("PRINTING")
            assert not (await user.get())["ready"]
            await user.until_told("FINISHED")
            (job,) = user.there.told("JOB_INFO")
            assert job.data["path"] == "/gcodes/short.gcode"

            assert (await user.post("unregister")) == {"unregistered": True}
            assert (await user.get())["state"] == "unregistered"


async def test_print_when_prusa_connect_hangs_then_it_goes_on_and_all_is_told() -> None:
    with tempfile.TemporaryDirectory(prefix="pr-") as folder:
        async with Stand(Path(folder), printer_options="") as stand:
            user = User(stand)
            ticket = await user.post("register")
            stand.connect.confirm(ticket["code"])
            await user.until("online")
            await stand.start_print("long.gcode", LONG_GCODE)
            await user.until_told("PRINTING")
            await stand.connect.inject(
                Fault(FaultKind.SILENCE, endpoint="/p/", count=1000)
            )
            slowest_s = 0.0
            for _ in range(20):
                begun = time.monotonic()
                await stand.moonraker.request("GET", "/server/info")
                await user.get()
                slowest_s = max(slowest_s, time.monotonic() - begun)
            assert slowest_s < 5.0  # half of what a request to Prusa Connect may take
            await stand.moonraker.request("POST", "/printer/print/pause")
            await stand.moonraker.request("POST", "/printer/print/resume")
            await user.until_printed()
            assert user.there.state == "PRINTING"
            stand.connect.faults.clear()
            await stand.connect.refuse(0.1)  # ends what hangs
            await user.until_told("FINISHED")
            await user.until("online")


async def test_printer_when_the_engine_is_killed_then_the_next_one_goes_on() -> None:
    with tempfile.TemporaryDirectory(prefix="pr-") as folder:
        async with Stand(Path(folder), printer_options="") as stand:
            user = User(stand)
            ticket = await user.post("register")
            stand.connect.confirm(ticket["code"])
            await user.until("online")
            serial = (await user.get())["serial_number"]
            await stand.start_print("long.gcode", LONG_GCODE)
            await user.until_told("PRINTING")
            await stand.engine.kill()
            await stand.start_engine()
            await user.until("online")
            assert (await user.get())["serial_number"] == serial
            command = user.there.commands.add("PAUSE_PRINT")
            outcome = await stand.connect.finish(command, WAIT_S)
            assert outcome.kind == "FINISHED"
            await user.until_told("PAUSED")
            await stand.moonraker.restart()
            await user.until("online")
            await user.until_back("PAUSED")
