# The Klipper printer of this host, for Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One object that knows how the printer is, and does what commands ask for.

It answers every command, in words: with Klipper down or Moonraker gone as well, and at
once. Names of commands and parameters: Prusa's printer SDK 0.8.1.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.connect.printer.messages import Event, EventKind, Outcome
from moonraker_prusacam.errors import CommandRejected, PrinterError
from moonraker_prusacam.moonraker import Klippy
from moonraker_prusacam.tasks import TaskOwner

from .file_info import file_info
from .files import Files
from .job import JobTracker
from .paths import Place, parse_file, parse_folder, require_file
from .printing import Printing
from .status import IN_PRINT, view_of, wanted
from .transfer import Ears, Transfers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from moonraker_prusacam.connect.printer.file_server import FileServer
    from moonraker_prusacam.connect.printer.messages import Command
    from moonraker_prusacam.connect.printer.view import PrinterView
    from moonraker_prusacam.moonraker import MoonrakerClient

    from .settings import KlipperSettings

    Handler = Callable[[Command], Awaitable[Outcome | None]]

log = logging.getLogger(__name__)

MAX_CHANGES = 256  # of files, not yet told
REFUSED = {
    "UPGRADE": "Klipper is not updated from afar: use Mainsail, Fluidd or KIAUH",
    "SET_VALUE": "this printer has no values to set",
    "SLOT_ACTION": "this printer has no slots",
}


class KlipperPrinter:
    """``PrinterActions`` on real Klipper, between ``start`` and ``aclose``."""

    def __init__(
        self,
        moonraker: MoonrakerClient,
        server: FileServer,
        settings: KlipperSettings,
    ) -> None:
        """``moonraker`` is started and closed by its owner."""
        self.on_change: list[Callable[[], None]] = []
        self.on_event: list[Callable[[Event], None]] = []
        self._client = moonraker
        self._settings = settings
        self._klippy = Klippy(moonraker, wanted)
        self._jobs = JobTracker(moonraker, self._klippy, self._tell_change)
        self._printing = Printing(moonraker, self._klippy, settings)
        self._files = Files(moonraker)
        self._transfers = Transfers(
            server,
            settings,
            Ears(self._files.root, self._tell, self._tell_change, self._print),
        )
        self._changes: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(MAX_CHANGES)
        self._tasks = TaskOwner("klipper printer")
        self._klippy.on_change.append(self._tell_change)
        moonraker.on_change.append(self._files.forget_root)
        moonraker.on_notification.append(self._notified)
        self._handlers: dict[str, Handler] = {
            "START_PRINT": self._start_print,
            "PAUSE_PRINT": lambda _: self._printing.pause(),
            "RESUME_PRINT": lambda _: self._printing.resume(),
            "STOP_PRINT": lambda _: self._printing.stop(),
            "GCODE": lambda command: self._printing.run_gcode(_gcode(command)),
            "SEND_FILE_INFO": self._send_file_info,
            "DELETE_FILE": self._delete_file,
            "DELETE_FOLDER": self._delete_folder,
            "DELETE_DIRECTORY": self._delete_folder,
            "CREATE_FOLDER": self._create_folder,
            "CREATE_DIRECTORY": self._create_folder,
            "START_CONNECT_DOWNLOAD": self._start_download,
            "START_URL_DOWNLOAD": self._start_download,
            "STOP_TRANSFER": lambda command: self._transfers.stop(
                command.kwargs.get("transfer_id")
            ),
            "SEND_TRANSFER_INFO": self._send_transfer_info,
            "RESET_PRINTER": lambda _: self._printing.reset(),
            "LOAD_FILAMENT": lambda _: self._printing.change_filament(
                settings.load_filament, "load_filament"
            ),
            "UNLOAD_FILAMENT": lambda _: self._printing.change_filament(
                settings.unload_filament, "unload_filament"
            ),
        }

    async def start(self) -> None:
        """Follow the printer, and go on with a download that was under way."""
        self._klippy.start()
        self._tasks.start("files", self._tell_files())
        await self._transfers.resume()

    async def aclose(self) -> None:
        """End; what is printed is printed on. Idempotent."""
        await self._tasks.aclose()
        await self._transfers.aclose()
        await self._jobs.aclose()
        await self._klippy.aclose()

    @property
    def view(self) -> PrinterView:
        """What is known now; asks nobody."""
        jobs = self._jobs
        view = view_of(self._klippy, jobs.job, self._transfers.current)
        return attrs.evolve(view, material=jobs.material)

    async def execute(self, command: Command) -> Outcome:
        """Do it; raises CommandRejected before, CommandFailed after it has begun."""
        handler = self._handlers.get(command.name)
        if handler is None:
            why = REFUSED.get(command.name, "this printer does not know the command")
            raise CommandRejected(why)
        log.info("Printer: Prusa Connect asks for %s", command.name)
        return await handler(command) or Outcome()

    async def files(self) -> Mapping[str, Any]:
        """``files`` and ``storages``, as INFO has them; raises PrinterError."""
        return await self._files.info()

    async def _start_print(self, command: Command) -> None:
        await self._print(parse_file(_path(command)))

    async def _print(self, place: Place) -> None:
        if not place.is_printable:
            raise CommandRejected(f"Klipper does not print {place.name}")
        self._printing.require_ready()
        await asyncio.to_thread(require_file, await self._files.root(), place)
        await self._printing.start(place, self._job_id)

    async def _send_file_info(self, command: Command) -> Outcome:
        place = parse_file(_path(command))
        data = await file_info(self._client, await self._files.root(), place)
        return Outcome(kind=EventKind.FILE_INFO, data=data)

    async def _delete_file(self, command: Command) -> None:
        place = parse_file(_path(command))
        self._require_unused(place)
        await self._files.delete_file(place)

    async def _delete_folder(self, command: Command) -> None:
        place = parse_folder(_path(command))
        self._require_unused(place)
        await self._files.delete_folder(
            place, force=command.kwargs.get("force") is True
        )

    async def _create_folder(self, command: Command) -> None:
        await self._files.create_folder(parse_folder(_path(command)))

    async def _start_download(self, command: Command) -> Outcome:
        return await self._transfers.start(command)

    async def _send_transfer_info(self, command: Command) -> Outcome:
        return self._transfers.info(command.kwargs.get("transfer_id"))

    def _require_unused(self, place: Place) -> None:
        """Raise CommandRejected for what is printed, or is about to be there."""
        stats = self._klippy.status.get("print_stats", {})
        file = str(stats.get("filename") or "")
        if stats.get("state") in IN_PRINT and place.contains(file):
            raise CommandRejected(f"{file} is being printed")
        transfer = self._transfers.current
        if transfer is not None and transfer.path.startswith(f"{place.shown}/"):
            raise CommandRejected("a file is being downloaded into that folder")

    def _job_id(self) -> int | None:
        job = self._jobs.job
        return None if job is None else job.id

    def _notified(self, method: str, params: list[Any]) -> None:
        if method != "notify_filelist_changed" or not params:
            return
        if isinstance(params[0], dict) and not self._changes.full():
            self._changes.put_nowait(params[0])

    async def _tell_files(self) -> None:
        while True:
            change = await self._changes.get()
            try:
                event = await self._files.changed(change)
            except PrinterError as error:
                log.info("Printer: a change of files is not told: %s", error)
            except Exception:  # one odd notification must not end the rest
                log.exception("Printer: a change of files")
            else:
                if event is not None:
                    self._tell(event)

    def _tell(self, event: Event) -> None:
        for listener in tuple(self.on_event):
            listener(event)

    def _tell_change(self) -> None:
        for listener in tuple(self.on_change):
            listener()


def _path(command: Command) -> object:
    """The path, by name or as the first argument."""
    return command.kwargs.get("path") or (command.args[0] if command.args else None)


def _gcode(command: Command) -> object:
    """The script, however it came."""
    if command.gcode is not None:
        return command.gcode
    return command.kwargs.get("gcode") or (command.args[0] if command.args else None)
