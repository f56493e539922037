# One printer's life, for any client of Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps from the registration to the last command, and what a client says in each.

What Prusa Connect does comes from the local one; what happens to the printer, the
client is told by its ``do``.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from moonraker_prusacam.emulator.connect import Fault, FaultKind, Spoilt
from tests.support.printer_requests import normalised

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from moonraker_prusacam.emulator.connect import (
        LocalCommand,
        LocalConnect,
        LocalEvent,
        LocalPrinter,
        RequestRecord,
    )
    from tests.support.printer_requests import Said

WAIT_S = 20.0
# Lasts longer than the scenario, in steps that a pause can come between.
GCODE = "G4 P50\n" * 4000
LARGE = ("G1 X1 Y1 E.1 F3000 ; padding of a line\n" * 10_000).encode()
SLOW_BYTES_PER_S = 4e5
SLOW_GCODE = "G4 P800"


class PrinterClient(Protocol):
    """A client with a printer; ``storage`` is how Prusa Connect names its files."""

    storage: str
    never: frozenset[str]
    """Events that it does not have."""

    async def register(self) -> None:
        """Ask for a code, and for the token until it is there."""

    async def registered(self) -> None:
        """Wait until the token is there."""

    async def pulse(self) -> None:
        """Let telemetry be sent, now or soon."""

    async def do(self, what: str, **values: Any) -> None:
        """Let something happen to the printer."""

    async def put_file(self, name: str, content: str) -> None:
        """Put a file where the printer's files are."""


@attrs.define(eq=False)
class Stage:
    """What a step is played on."""

    connect: LocalConnect
    client: PrinterClient
    outcomes: dict[str, str] = attrs.field(factory=dict)
    step: str = ""
    began_s: float = 0.0
    # What of the events that may be another step's belongs to this one.
    file_change: dict[str, str] | None = None
    becomes_state: bool = False

    @property
    def printer(self) -> LocalPrinter:
        """The printer that was agreed to."""
        return next(reversed(self.connect.account.printers.values()))

    def path(self, name: str) -> str:
        """A file as commands name it."""
        return f"{self.client.storage}/{name}"

    async def command(self, name: str, **kwargs: Any) -> LocalEvent:
        """Queue a command, and wait for its end."""
        return await self.finish(self.printer.commands.add(name, kwargs=kwargs))

    async def gcode(self, text: str, *, force: bool = False) -> LocalEvent:
        """The same of G-code."""
        return await self.finish(self.printer.commands.add(gcode=text, force=force))

    async def finish(self, command: LocalCommand) -> LocalEvent:
        """Wait for the end of a command that is queued."""
        await self.client.pulse()
        outcome = await self.connect.finish(command, WAIT_S)
        self.outcomes[f"{self.step}: {command.name}"] = outcome.kind
        return outcome

    async def answered(self, command: LocalCommand, count: int) -> None:
        """Wait until a command has so many answers."""
        await self.client.pulse()
        await self.until(lambda: len(command.answers) >= count)

    async def told(self, kind: str, since: int | None = None) -> None:
        """Wait for an event that belongs to no command, unless it never comes."""
        if kind in self.client.never:
            return
        known = self._unasked(kind) if since is None else since
        await self.until(lambda: self._unasked(kind) > known)

    async def changed(self, **what: str) -> None:
        """Wait for a FILE_CHANGED with this ``new_path`` or ``old_path``."""
        self.file_change = what

        def is_told() -> bool:
            told = self.printer.told("FILE_CHANGED")
            return any(
                what.items() <= each.data.items()
                for each in told
                if each.at_s >= self.began_s
            )

        await self.until(is_told)

    async def becomes(self, state: str) -> None:
        """Wait for an event that says so, and belongs to no command."""
        self.becomes_state = True

        def is_told() -> bool:
            told = self.printer.told("STATE_CHANGED")
            return any(
                each.state == state and each.at_s >= self.began_s
                for each in told
                if each.command_id is None
            )

        await self.until(is_told)

    def unasked(self, kind: str) -> int:
        """How many of them have come."""
        return self._unasked(kind)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that requests can bring about."""
        await self.connect.wait_for(condition, WAIT_S)

    def is_of_step(self, record: RequestRecord) -> bool:
        """Whether a request belongs to this step; some come late, from the last one."""
        told = record.content if record.path == "/p/events" else None
        if not isinstance(told, dict) or "command_id" in told:
            return True
        if told["event"] == "FILE_CHANGED":
            wanted = self.file_change
            return wanted is not None and wanted.items() <= told["data"].items()
        return told["event"] != "STATE_CHANGED" or self.becomes_state

    def _unasked(self, kind: str) -> int:
        return sum(each.command_id is None for each in self.printer.told(kind))


Step = tuple[str, "Callable[[Stage], Awaitable[None]]"]
STEPS: list[Step] = []


def step(title: str) -> Any:
    """The decorated function is the next step."""

    def keep(function: Any) -> Any:
        STEPS.append((title, function))
        return function

    return keep


async def play(
    connect: LocalConnect, client: PrinterClient, *, without: Collection[str] = ()
) -> tuple[dict[str, list[Said]], dict[str, str]]:
    """Play all steps but some; what was said in each, and how its commands ended."""
    stage = Stage(connect, client)
    steps = {}
    for title, function in STEPS:
        if title in without:
            continue
        before = len(connect.requests)
        stage.step, stage.began_s = title, time.monotonic()
        stage.file_change, stage.becomes_state = None, False
        try:
            await function(stage)
        except TimeoutError:
            came = [(r.method, r.path, r.content) for r in connect.requests[before:]]
            raise AssertionError(f"{title}: waited in vain; there was {came}") from None
        steps[title] = normalised(
            filter(stage.is_of_step, connect.requests[before:]),
            is_telling="tells" in title,
        )
    return steps, stage.outcomes


@step("registers")
async def _(stage: Stage) -> None:
    await stage.client.register()
    await stage.until(
        lambda: any(r.verdict == "code waits" for r in stage.connect.requests)
    )
    stage.connect.confirm()
    await stage.client.registered()


@step("introduces itself, and tells how it is")
async def _(stage: Stage) -> None:
    await stage.client.do("introduce")
    await stage.until(lambda: stage.printer.info is not None)
    await stage.client.pulse()
    await stage.until(lambda: stage.printer.telemetry_count > 0)


@step("a file comes")
async def _(stage: Stage) -> None:
    await stage.client.put_file("cube.gcode", GCODE)
    await stage.changed(new_path=stage.path("cube.gcode"))


@step("SEND_INFO")
async def _(stage: Stage) -> None:
    await stage.command("SEND_INFO")


@step("SEND_STATE_INFO")
async def _(stage: Stage) -> None:
    await stage.command("SEND_STATE_INFO")


@step("SEND_FILE_INFO")
async def _(stage: Stage) -> None:
    await stage.command("SEND_FILE_INFO", path=stage.path("cube.gcode"))


@step("SEND_FILE_INFO of no file")
async def _(stage: Stage) -> None:
    await stage.command("SEND_FILE_INFO", path=stage.path("no.gcode"))


@step("CREATE_FOLDER")
async def _(stage: Stage) -> None:
    await stage.command("CREATE_FOLDER", path=stage.path("one"))
    await stage.changed(new_path=stage.path("one"))


@step("CREATE_DIRECTORY")
async def _(stage: Stage) -> None:
    await stage.command("CREATE_DIRECTORY", path=stage.path("two"))
    await stage.changed(new_path=stage.path("two"))


@step("DELETE_FOLDER")
async def _(stage: Stage) -> None:
    await stage.command("DELETE_FOLDER", path=stage.path("one"))
    await stage.changed(old_path=stage.path("one"))


@step("DELETE_DIRECTORY")
async def _(stage: Stage) -> None:
    await stage.command("DELETE_DIRECTORY", path=stage.path("two"))
    await stage.changed(old_path=stage.path("two"))


@step("START_CONNECT_DOWNLOAD")
async def _(stage: Stage) -> None:
    file = stage.connect.account.add_file("loaded.gcode", GCODE.encode())
    since = stage.unasked("TRANSFER_FINISHED")
    asked = file.download(stage.client.storage)
    await stage.command("START_CONNECT_DOWNLOAD", **asked)
    await stage.told("TRANSFER_FINISHED", since)
    await stage.changed(new_path=stage.path(file.name))


@step("START_URL_DOWNLOAD")
async def _(stage: Stage) -> None:
    file = stage.connect.account.add_file("linked.gcode", GCODE.encode())
    url = stage.connect.url_elsewhere(file)
    since = stage.unasked("TRANSFER_FINISHED")
    asked = {"path": stage.path(file.name), "url": url}
    await stage.command("START_URL_DOWNLOAD", **asked)
    await stage.told("TRANSFER_FINISHED", since)
    await stage.changed(new_path=stage.path(file.name))


@step("download that is not there")
async def _(stage: Stage) -> None:
    since = stage.unasked("TRANSFER_ABORTED")
    asked = {"path": stage.path("gone.gcode"), "team_id": 1, "hash": "0" * 64}
    await stage.command("START_CONNECT_DOWNLOAD", **asked, size=5)
    await stage.told("TRANSFER_ABORTED", since)


@step("SEND_TRANSFER_INFO, STOP_TRANSFER")
async def _(stage: Stage) -> None:
    slow = Fault(
        FaultKind.SLOW_RESPONSE, endpoint="/p/teams/", bytes_per_s=SLOW_BYTES_PER_S
    )
    await stage.connect.inject(slow)
    file = stage.connect.account.add_file("large.gcode", LARGE)
    since = stage.unasked("TRANSFER_STOPPED")
    asked = file.download(stage.client.storage)
    await stage.command("START_CONNECT_DOWNLOAD", **asked)
    await stage.command("SEND_TRANSFER_INFO")
    await stage.command("STOP_TRANSFER")
    await stage.told("TRANSFER_STOPPED", since)


@step("SEND_TRANSFER_INFO of none")
async def _(stage: Stage) -> None:
    await stage.command("SEND_TRANSFER_INFO")


@step("DELETE_FILE")
async def _(stage: Stage) -> None:
    await stage.command("DELETE_FILE", path=stage.path("linked.gcode"))
    await stage.changed(old_path=stage.path("linked.gcode"))


@step("SET_PRINTER_READY")
async def _(stage: Stage) -> None:
    await stage.command("SET_PRINTER_READY")
    await stage.becomes("READY")


@step("CANCEL_PRINTER_READY")
async def _(stage: Stage) -> None:
    await stage.command("CANCEL_PRINTER_READY")
    await stage.becomes("IDLE")


@step("CANCEL_PRINTER_READY of one that is not")
async def _(stage: Stage) -> None:
    await stage.command("CANCEL_PRINTER_READY")


@step("START_PRINT")
async def _(stage: Stage) -> None:
    await stage.command("START_PRINT", path=stage.path("cube.gcode"))
    await stage.becomes("PRINTING")


@step("tells how it prints")
async def _(stage: Stage) -> None:
    before = stage.printer.telemetry_count
    await stage.client.pulse()
    await stage.until(lambda: stage.printer.telemetry_count > before)


@step("SEND_JOB_INFO")
async def _(stage: Stage) -> None:
    await stage.command("SEND_JOB_INFO")


@step("PAUSE_PRINT")
async def _(stage: Stage) -> None:
    await stage.command("PAUSE_PRINT")
    await stage.becomes("PAUSED")


@step("RESUME_PRINT")
async def _(stage: Stage) -> None:
    await stage.command("RESUME_PRINT")
    await stage.becomes("PRINTING")


@step("STOP_PRINT")
async def _(stage: Stage) -> None:
    await stage.command("STOP_PRINT")
    await stage.becomes("STOPPED")


@step("GCODE")
async def _(stage: Stage) -> None:
    await stage.gcode("M117 hello")


@step("GCODE, forced")
async def _(stage: Stage) -> None:
    await stage.gcode("M117 again", force=True)


@step("another command while one runs")
async def _(stage: Stage) -> None:
    commands = stage.printer.commands
    slow = commands.add(gcode=SLOW_GCODE)
    await stage.answered(slow, 1)
    other = commands.add("SEND_INFO", overtakes=True)
    await stage.finish(other)
    await stage.client.do("release")
    await stage.finish(slow)


@step("the same command while it runs, and after it")
async def _(stage: Stage) -> None:
    commands = stage.printer.commands
    slow = commands.add(gcode=SLOW_GCODE)
    await stage.answered(slow, 1)
    commands.repeat(slow)
    await stage.answered(slow, 2)
    await stage.client.do("release")
    await stage.finish(slow)
    commands.repeat(slow)
    await stage.answered(slow, 4)


@step("DIALOG_ACTION")
async def _(stage: Stage) -> None:
    await stage.command("DIALOG_ACTION", dialog_id=1, button="Resume")


@step("UPGRADE")
async def _(stage: Stage) -> None:
    await stage.command("UPGRADE")


@step("a command that nobody knows")
async def _(stage: Stage) -> None:
    await stage.command("MAKE_COFFEE")


@step("a command without a number")
async def _(stage: Stage) -> None:
    nameless = Spoilt(
        body='{"command": "SEND_INFO"}',
        headers={"Command-Id": "", "Content-Type": "application/json"},
    )
    since = stage.unasked("REJECTED")
    stage.printer.commands.add("SEND_INFO", spoilt=nameless)
    await stage.client.pulse()
    await stage.until(lambda: stage.unasked("REJECTED") > since)


@step("a command that is no JSON")
async def _(stage: Stage) -> None:
    broken = Spoilt(body="{", headers={"Content-Type": "application/json"})
    await stage.finish(stage.printer.commands.add("SEND_INFO", spoilt=broken))


@step("a command of another type")
async def _(stage: Stage) -> None:
    page = Spoilt(body="<p>", headers={"Content-Type": "text/html"})
    await stage.finish(stage.printer.commands.add("SEND_INFO", spoilt=page))


@step("LOAD_FILAMENT")
async def _(stage: Stage) -> None:
    await stage.command("LOAD_FILAMENT")


@step("UNLOAD_FILAMENT")
async def _(stage: Stage) -> None:
    await stage.command("UNLOAD_FILAMENT")


@step("RESET_PRINTER while a command runs")
async def _(stage: Stage) -> None:
    commands = stage.printer.commands
    slow = commands.add(gcode=SLOW_GCODE)
    await stage.answered(slow, 1)
    reset = commands.add("RESET_PRINTER")
    await stage.finish(reset)
    await stage.until(lambda: slow.outcome is not None)
    await stage.becomes("IDLE")


@step("tells that its clock jumped")
async def _(stage: Stage) -> None:
    await stage.client.do("clock")
    await stage.client.pulse()
    await stage.until(lambda: stage.printer.clock_adjusted > 0)


@step("Prusa Connect has forgotten it")
async def _(stage: Stage) -> None:
    stage.printer.forget()
    await stage.client.pulse()
    await stage.until(
        lambda: any(r.verdict == "not informed" for r in stage.connect.requests)
    )
    await stage.client.do("introduce")
    await stage.until(lambda: stage.printer.info is not None)


@step("all other events")
async def _(stage: Stage) -> None:
    others = {
        "JOB_INFO": "CONNECT",
        "MESH_BED_DATA": "MARLIN",
        "SLOT_EVENT": "SLOT",
        "FAILED": "FIRMWARE",
    }
    for kind, source in others.items():
        since = stage.unasked(kind)
        if kind not in stage.client.never:
            await stage.client.do("event", event=kind, source=source)
        await stage.told(kind, since)


@step("vouches for a camera")
async def _(stage: Stage) -> None:
    await stage.client.do("camera")
    cameras = stage.connect.account.cameras
    await stage.until(lambda: any(each.last_image for each in cameras.values()))


@step("storage goes")
async def _(stage: Stage) -> None:
    since = stage.unasked("MEDIUM_EJECTED")
    await stage.client.do("detach")
    await stage.told("MEDIUM_EJECTED", since)


@step("storage comes")
async def _(stage: Stage) -> None:
    since = stage.unasked("MEDIUM_INSERTED")
    await stage.client.do("attach")
    await stage.told("MEDIUM_INSERTED", since)


async def in_time(waits: Awaitable[Any]) -> Any:
    """What comes, or TimeoutError."""
    async with asyncio.timeout(WAIT_S):
        return await waits
