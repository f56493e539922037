# The simulated printer, from the outside.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A printer that Moonraker connects to: starts, restarts and ends Klippy.

It speaks Klipper's API on a Unix socket and prints files from the gcodes folder in
``speed`` times real time.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import ClosedError
from moonraker_prusacam.tasks import TaskOwner

from .clock import PrinterClock
from .printer import Environment, Hardware, Printer
from .server import ApiServer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

# Between the end of one Klippy and the start of the next.
RESTART_PAUSE_S = 1.0


class SimulatedPrinter:
    """``start`` → any number of ``kill`` and ``start`` → ``aclose``."""

    def __init__(
        self,
        socket_path: Path,
        gcodes_path: Path,
        config: Sequence[Path] = (),
        *,
        speed: float = 1.0,
    ) -> None:
        """``speed`` scales moves, dwells and heating; ValueError unless it is > 0.

        A folder ``klipper`` beside the socket stands for Klipper's installation.
        """
        self._socket_path = socket_path
        self._environment = Environment(
            gcodes_path, tuple(config), socket_path.absolute().parent / "klipper"
        )
        self._clock = PrinterClock(speed)
        self._hardware = Hardware()
        self._printer: Printer | None = None
        self._server: ApiServer | None = None
        self._tasks: TaskOwner | None = None

    async def start(self) -> None:
        """Listen and get ready; OSError if the socket cannot be made.

        With a wrong configuration it ends in Klipper's state ``error`` and does not
        raise, as the real one.
        """
        if self._tasks is not None:
            return
        self._tasks = TaskOwner("simulated printer")
        try:
            await asyncio.to_thread(self._environment.make_klipper_path)
            printer = await self._begin()
        except BaseException:
            await self.aclose()
            raise
        self._tasks.start("restarts", self._restart_on_request(printer))

    async def aclose(self) -> None:
        """End as by SIGTERM. Idempotent."""
        await self._end(is_killed=False)

    async def kill(self) -> None:
        """End as by SIGKILL: every connection breaks at once. Idempotent."""
        await self._end(is_killed=True)

    async def _end(self, *, is_killed: bool) -> None:
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            await tasks.aclose()
            await self._close_printer(is_killed=is_killed)

    async def _begin(self) -> Printer:
        printer = Printer(self._environment, self._clock, self._hardware)
        server = ApiServer(
            self._socket_path, printer.webhooks.handle, printer.invoke_shutdown
        )
        # As in Klipper, nobody is answered before the objects are there.
        await printer.load()
        self._printer, self._server = printer, server
        await server.start()
        await printer.connect()
        return printer

    async def _close_printer(self, *, is_killed: bool = False) -> None:
        if self._printer is None or self._server is None:
            return
        if not is_killed:
            self._printer.gcode.respond_info("Klipper state: Disconnect")
        await self._server.aclose(abort=is_killed)
        await self._printer.aclose()
        self._server = None

    async def _restart_on_request(self, printer: Printer) -> None:
        while True:
            await printer.exit_requested.wait()
            await self._close_printer()
            await asyncio.sleep(RESTART_PAUSE_S)
            printer = await self._begin()

    @property
    def klippy_state(self) -> str:
        """``startup``, ``ready``, ``shutdown``, ``error``, or ``disconnected``."""
        if self._printer is None or self._server is None:
            return "disconnected"
        return self._printer.state

    def live_position(self) -> tuple[float, float, float]:
        """Where the nozzle is now, in mm. Callable from any thread."""
        printer = self._printer
        if printer is None or self._server is None:
            return self._hardware.position[:3]
        return printer.physical_position()[:3]

    @property
    def state(self) -> str:
        """``print_stats.state``; while Klippy does not run, the last one."""
        return "standby" if self._printer is None else self._printer.print_stats.state

    @property
    def layer(self) -> int | None:
        """Current layer as SET_PRINT_STATS_INFO told it."""
        return None if self._printer is None else self._printer.print_stats.layer

    @property
    def total_layers(self) -> int | None:
        """Number of layers as SET_PRINT_STATS_INFO told it."""
        return None if self._printer is None else self._printer.print_stats.total_layers

    @property
    def remote_methods(self) -> frozenset[str]:
        """What macros can call now."""
        return (
            frozenset()
            if self._printer is None
            else self._printer.webhooks.remote_methods
        )

    async def run_gcode(self, script: str) -> None:
        """Run a script as ``gcode/script`` does.

        Raises CommandError if it fails, ClosedError if Klippy does not run.
        """
        if self._printer is None or self._server is None:
            raise ClosedError("the simulated printer does not run")
        await self._printer.gcode.run_script(script)
