# Printing files from the gcodes folder.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``[virtual_sdcard]``: reads a file and runs it line by line.

Each line takes the G-code mutex for itself, and no line starts while somebody waits for
it. A file that cannot be read to its end leaves the print paused, as in Klipper.
Source: klippy/extras/virtual_sdcard.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from moonraker_prusacam.errors import PrusacamError

from .gcode import CommandError, GCodeCommand
from .macro import Template

if TYPE_CHECKING:
    from .printer import Printer

log = logging.getLogger(__name__)

GCODE_SUFFIXES = frozenset({".gcode", ".g", ".gco"})
READ_CHARS = 8192
# How often a file that makes way for another script looks whether it can go on.
YIELD_S = 0.05

DEFAULT_ON_ERROR = "{% if 'heaters' in printer %}\nTURN_OFF_HEATERS\n{% endif %}"


class VirtualSD:
    """Printer object ``virtual_sdcard``."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._gcode = printer.gcode
        self._stats = printer.print_stats
        section = printer.config.section("virtual_sdcard")
        self._folder = Path(section.get("path")).expanduser()
        self._on_error = Template(
            printer,
            "virtual_sdcard:on_error_gcode",
            section.get("on_error_gcode", DEFAULT_ON_ERROR),
        )
        self._file: TextIO | None = None
        self._path: Path | None = None
        self._position = self._size = 0
        self._must_pause = False
        self._runs_line = False
        self._work: asyncio.Task[None] | None = None
        gcode = printer.gcode
        gcode.register("M20", self._list_files)
        gcode.register("M21", lambda _command: gcode.respond_raw("SD card ok"))
        gcode.register("M23", self._select)
        gcode.register("M24", lambda _command: self.resume())
        gcode.register("M25", lambda _command: self.pause())
        gcode.register("M26", self._seek)
        gcode.register("M27", self._report)
        for name in ("M28", "M29", "M30"):
            gcode.register(name, self._refuse)
        gcode.register(
            "SDCARD_RESET_FILE",
            self._reset_by_command,
            "Clears a loaded SD File. Stops the print if necessary",
        )
        gcode.register(
            "SDCARD_PRINT_FILE",
            self._print_file,
            "Loads a SD file and starts the print.  May include files in "
            "subdirectories.",
        )
        printer.shutdown_callbacks.append(self._halt)
        printer.disconnect_callbacks.append(self._close)

    @property
    def is_active(self) -> bool:
        """Whether a file is being printed."""
        return self._work is not None

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        return {
            "file_path": None if self._path is None else str(self._path),
            "progress": self._position / self._size if self._size else 0.0,
            "is_active": self.is_active,
            "file_position": self._position,
            "file_size": self._size,
        }

    def _halt(self) -> None:
        if self.is_active:
            self._must_pause = True

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._path = None

    async def pause(self) -> None:
        """Stop after the running line; does not wait when called by that line."""
        if self._work is None:
            return
        self._must_pause = True
        if not self._runs_line:
            await asyncio.wait([self._work])

    def resume(self) -> None:
        """Go on with the file; CommandError if it runs."""
        if self._work is not None:
            raise CommandError("SD busy")
        self._must_pause = False
        self._work = self._printer.tasks.start("virtual_sdcard", self._print())

    async def cancel(self) -> None:
        """Stop and forget the file."""
        if self._file is not None:
            await self.pause()
            self._close()
            self._stats.note_finish("cancelled")
        self._position = self._size = 0

    async def _reset(self) -> None:
        if self._file is not None:
            await self.pause()
            self._close()
        self._position = self._size = 0
        self._stats.reset()
        self._printer.exclude_object.reset()

    async def _reset_by_command(self, _command: GCodeCommand) -> None:
        if self._runs_line:
            raise CommandError("SDCARD_RESET_FILE cannot be run from the sdcard")
        await self._reset()

    async def _print_file(self, command: GCodeCommand) -> None:
        if self.is_active:
            raise CommandError("SD busy")
        await self._reset()
        filename = command.get("FILENAME").removeprefix("/")
        await self._load(filename, subfolders=True)
        self.resume()

    async def _select(self, command: GCodeCommand) -> None:
        if self.is_active:
            raise CommandError("SD busy")
        await self._reset()
        await self._load(command.raw_params.strip().removeprefix("/"), subfolders=False)

    async def _load(self, filename: str, *, subfolders: bool) -> None:
        try:
            file, path, size = await asyncio.to_thread(self._open, filename, subfolders)
        except (OSError, LookupError) as error:
            log.warning("virtual_sdcard file open: %s", error)
            raise CommandError("Unable to open file") from error
        self._gcode.respond_raw(f"File opened:{filename} Size:{size}")
        self._gcode.respond_raw("File selected")
        self._file, self._path = file, path
        self._position, self._size = 0, size
        self._stats.select(filename)

    def _open(self, filename: str, subfolders: bool) -> tuple[TextIO, Path, int]:
        names = [name for name, _size in self._files(subfolders=subfolders)]
        if filename not in names:
            filename = {name.lower(): name for name in names}[filename.lower()]
        path = self._folder / filename
        return path.open(encoding="utf-8", newline=""), path, path.stat().st_size

    def _files(self, *, subfolders: bool) -> list[tuple[str, int]]:
        found = []
        for folder, _folders, names in os.walk(self._folder, followlinks=True):
            for name in names:
                path = Path(folder, name)
                if subfolders and path.suffix not in GCODE_SUFFIXES:
                    continue
                with contextlib.suppress(OSError):
                    size = path.stat().st_size
                    found.append((str(path.relative_to(self._folder)), size))
            if not subfolders:
                break
        return sorted(found, key=lambda item: item[0].lower())

    async def _list_files(self, _command: GCodeCommand) -> None:
        files = await asyncio.to_thread(self._files, subfolders=False)
        self._gcode.respond_raw("Begin file list")
        for name, size in files:
            self._gcode.respond_raw(f"{name} {size}")
        self._gcode.respond_raw("End file list")

    def _seek(self, command: GCodeCommand) -> None:
        if self.is_active:
            raise CommandError("SD busy")
        self._position = command.get_int("S", minimum=0)

    def _report(self, _command: GCodeCommand) -> None:
        self._gcode.respond_raw(
            "Not SD printing."
            if self._file is None
            else f"SD printing byte {self._position}/{self._size}"
        )

    def _refuse(self, _command: GCodeCommand) -> None:
        raise CommandError("SD write not supported")

    async def _print(self) -> None:
        message: str | None = None
        try:
            if self._file is None:
                return
            await asyncio.to_thread(self._file.seek, self._position)
            self._stats.note_start()
            message = await self._run_lines(self._file)
        except Exception:
            # Not readable, not UTF-8, or an internal error of a command.
            log.exception("virtual_sdcard")
        finally:
            self._work = None
            self._runs_line = False
        if message is not None:
            self._stats.note_finish("error", message)
        elif self._file is not None:
            self._stats.note_pause()
        else:
            self._stats.note_finish("complete")

    async def _run_lines(self, file: TextIO) -> str | None:
        """Run the file until it ends, pauses or fails; the error's text if it does."""
        rest = ""
        lines: list[str] = []
        while not self._must_pause:
            if not lines:
                text = await asyncio.to_thread(file.read, READ_CHARS)
                if not text:
                    self._close()
                    self._gcode.respond_raw("Done printing file")
                    return None
                lines = (rest + text).split("\n")
                rest = lines.pop()
                lines.reverse()
                continue
            if self._gcode.mutex.locked:
                await asyncio.sleep(YIELD_S)
                continue
            line = lines.pop()
            self._runs_line = True
            try:
                await self._gcode.run_script(line)
            except CommandError as error:
                await self._run_error_gcode()
                return str(error)
            self._runs_line = False
            self._position += len(line.encode()) + 1
            # A file of nothing but quick lines must not starve the rest.
            await asyncio.sleep(0)
        return None

    async def _run_error_gcode(self) -> None:
        try:
            await self._gcode.run_script(self._on_error.render())
        except PrusacamError:
            log.exception("virtual_sdcard on_error")
