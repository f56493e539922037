# One life of Klippy, from start to restart.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the printer objects together and holds the state they share.

``startup`` → ``ready`` → ``shutdown``, or ``error`` if the configuration is wrong; only
a restart, which makes a new Printer, leads back. Source: klippy/klippy.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import attrs

from moonraker_prusacam.errors import ConfigError
from moonraker_prusacam.tasks import TaskOwner

from .config import PrinterConfig
from .delayed_gcode import DelayedGCode
from .dispatch import GCodeDispatch
from .gcode import CommandError, GCodeCommand
from .gcode_move import GCodeMove
from .heaters import Extruder, Heater, Heaters, ThermalBody
from .idle_timeout import IdleTimeout
from .macro import GCodeMacro
from .motion_report import MotionReport
from .objects import (
    SOFTWARE_VERSION,
    ConfigStatus,
    DisplayStatus,
    ExcludeObject,
    Fan,
    ManualProbe,
    Mcu,
    QueryEndstops,
    Respond,
    StepperEnable,
    SystemStats,
)
from .pause_resume import PauseResume
from .print_stats import PrintStats
from .save_variables import SaveVariables, read_variables
from .sdcard import VirtualSD
from .status import StatusQueries
from .toolhead import ToolHead
from .velocity import VelocityCommands
from .webhooks import WebHooks, WebRequest

if TYPE_CHECKING:
    from pathlib import Path

    from .clock import PrinterClock
    from .motion import Position

log = logging.getLogger(__name__)

# How long a start takes that finds the micro-controller at once.
CONNECT_S = 0.25
RESTART_DWELL_S = 0.5

MESSAGE_READY = "Printer is ready"
MESSAGE_STARTUP = (
    "\nPrinter is not ready\n"
    "The klippy host software is attempting to connect.  Please\n"
    "retry in a few moments.\n"
)
MESSAGE_CONFIG_ERROR = (
    '\nOnce the underlying issue is corrected, use the "RESTART"\n'
    "command to reload the config and restart the host software.\n"
    "Printer is halted\n"
)
MESSAGE_SHUTDOWN = (
    "\nOnce the underlying issue is corrected, use the\n"
    '"FIRMWARE_RESTART" command to reset the firmware, reload the\n'
    "config, and restart the host software.\n"
    "Printer is shutdown\n"
)

Callbacks = list[Callable[[], object]]


class PrinterObject(Protocol):
    """Something that ``objects/query`` and templates can read."""

    def get_status(self, eventtime: float, /) -> Mapping[str, Any]:
        """Status now; a changed value is a new object, never the old one mutated."""


T = TypeVar("T", bound=PrinterObject)


@attrs.frozen
class Environment:
    """Where the printer lives: files, and paths that Klipper reports."""

    gcodes_path: Path
    config_paths: Sequence[Path]
    klipper_path: Path

    def make_klipper_path(self) -> None:
        """Make the folders that Moonraker misses in an installation without them."""
        self.klipper_path.mkdir(exist_ok=True)
        for name in ("config", "docs"):
            (self.klipper_path / name).mkdir(exist_ok=True)

    @property
    def config_file(self) -> Path:
        """The main configuration file."""
        if self.config_paths:
            return self.config_paths[0].absolute()
        return self.gcodes_path.absolute().parent / "config" / "printer.cfg"

    @property
    def log_file(self) -> Path:
        """Where Klipper would log."""
        return self.gcodes_path.absolute().parent / "logs" / "klippy.log"


@attrs.define
class Hardware:
    """What stays as it is while Klippy restarts."""

    position: Position = (0.0, 0.0, 0.0, 0.0)
    hotend: ThermalBody = attrs.Factory(lambda: ThermalBody(33.0, 0.036))
    bed: ThermalBody = attrs.Factory(lambda: ThermalBody(4.0, 0.02))


class Printer:
    """Everything between two restarts."""

    # Made by ``connect``.
    toolhead: ToolHead
    gcode_move: GCodeMove
    sdcard: VirtualSD
    exclude_object: ExcludeObject
    idle_timeout: IdleTimeout

    def __init__(
        self, environment: Environment, clock: PrinterClock, hardware: Hardware
    ) -> None:
        self.environment = environment
        self.clock = clock
        self._hardware = hardware
        self.physical_position: Callable[[], Position] = lambda: hardware.position
        self.tasks = TaskOwner("klippy")
        self.config = PrinterConfig()
        self.connect_callbacks: Callbacks = []
        self.ready_callbacks: Callbacks = []
        self.shutdown_callbacks: Callbacks = []
        self.disconnect_callbacks: Callbacks = []
        self.exit_requested = asyncio.Event()
        self.state = "startup"
        self.state_message = MESSAGE_STARTUP
        self.objects: dict[str, PrinterObject] = {}
        self.gcode = self._add("gcode", GCodeDispatch(self))
        self.webhooks = self._add("webhooks", WebHooks(self))
        self.print_stats = PrintStats(self)
        StatusQueries(self)
        self._register_base_commands()

    def _add(self, name: str, thing: T) -> T:
        self.objects[name] = thing
        return thing

    @property
    def is_ready(self) -> bool:
        """Whether commands can run."""
        return self.state == "ready"

    @property
    def is_shutdown(self) -> bool:
        """Whether the printer was halted."""
        return self.state == "shutdown"

    # Start

    async def load(self) -> None:
        """Read the configuration and make the printer objects."""
        try:
            self.config = await asyncio.to_thread(
                PrinterConfig.load,
                self.environment.config_paths,
                self.environment.gcodes_path,
            )
            await self._add_objects()
        except (ConfigError, CommandError) as error:
            self._fail(error)

    async def connect(self) -> None:
        """Find the micro-controller and get ready, unless ``load`` failed."""
        await asyncio.sleep(CONNECT_S)
        if self.state != "startup":
            return
        try:
            for callback in self.connect_callbacks:
                callback()
        except (ConfigError, CommandError) as error:
            self._fail(error)
            return
        self.state, self.state_message = "ready", MESSAGE_READY
        for callback in self.ready_callbacks:
            callback()
        self.gcode.respond_info("Klipper state: Ready")

    def _fail(self, error: Exception) -> None:
        log.warning("Config error: %s", error)
        self.state, self.state_message = "error", f"{error}\n{MESSAGE_CONFIG_ERROR}"

    async def _add_objects(self) -> None:
        """Make the printer objects, in the order in which they are listed."""
        self._add("configfile", ConfigStatus(self))
        self._add("mcu", Mcu())
        for section in self.config.sections("gcode_macro "):
            self._add(section.name, GCodeMacro(self, section))
        for section in self.config.sections("delayed_gcode "):
            DelayedGCode(self, section)
        self._add_machine()
        self._add_printing()
        if self.config.has_section("respond"):
            Respond(self)
        if self.config.has_section("save_variables"):
            section = self.config.section("save_variables")
            path, variables = await asyncio.to_thread(
                read_variables, section.get("filename")
            )
            self._add("save_variables", SaveVariables(self, path, variables))

    def _add_machine(self) -> None:
        self.toolhead = ToolHead(self, self._hardware.position)
        self.physical_position = self.toolhead.physical_position
        VelocityCommands(self)
        hotend = Heater(self, "extruder", self._hardware.hotend)
        bed = Heater(self, "heater_bed", self._hardware.bed)
        heaters = self._add("heaters", Heaters(self, hotend, bed))
        self._add("heater_bed", bed)
        fan = self._add("fan", Fan(self))
        self._turn_off = (heaters.turn_off, fan.turn_off)
        self.gcode_move = self._add("gcode_move", GCodeMove(self))
        self.ready_callbacks.append(self.gcode_move.reset_last_position)
        self._add("stepper_enable", StepperEnable(self))
        self._add("motion_report", MotionReport(self))
        self._add("toolhead", self.toolhead)
        self._add("extruder", Extruder(self, hotend))

    def _add_printing(self) -> None:
        self._add("print_stats", self.print_stats)
        self.sdcard = self._add("virtual_sdcard", VirtualSD(self))
        self._add("pause_resume", PauseResume(self, self.sdcard))
        self.idle_timeout = IdleTimeout(self)
        self._add("display_status", DisplayStatus(self))
        self.exclude_object = self._add("exclude_object", ExcludeObject(self))
        self._add("idle_timeout", self.idle_timeout)
        self._endstops = self._add("query_endstops", QueryEndstops(self))
        self.webhooks.register("query_endstops/status", self._query_endstops)
        self._add("system_stats", SystemStats())
        self._add("manual_probe", ManualProbe())

    async def _query_endstops(self, _request: WebRequest) -> dict[str, str]:
        async with self.gcode.mutex:
            return self._endstops.query()

    # Commands that work in every state

    def _register_base_commands(self) -> None:
        gcode = self.gcode

        def register(name: str, handler: Any, help_text: str | None = None) -> None:
            gcode.register(name, handler, help_text, when_not_ready=True)

        register("M110", lambda _command: None)
        register("M112", self._emergency_stop)
        register("M115", self._report_firmware)
        register("ECHO", lambda command: gcode.respond_info(command.line))
        register("STATUS", self._report_state, "Report the printer status")
        register(
            "HELP",
            self._report_help,
            "Report the list of available extended G-Code commands",
        )
        register(
            "RESTART", self._restart, "Reload config file and restart host software"
        )
        register(
            "FIRMWARE_RESTART",
            self._restart,
            "Restart firmware, host, and reload config",
        )

    def _emergency_stop(self, _command: GCodeCommand) -> None:
        self.invoke_shutdown("Shutdown due to M112 command")

    def _report_firmware(self, _command: GCodeCommand) -> None:
        self.gcode.respond_info(
            f"FIRMWARE_NAME:Klipper FIRMWARE_VERSION:{SOFTWARE_VERSION}"
        )

    def _report_state(self, _command: GCodeCommand) -> None:
        if not self.is_ready:
            text = self.state_message.rstrip()
            raise CommandError(f"{text}\nKlipper state: Not ready")
        self.gcode.respond_info("Klipper state: Ready")

    def _report_help(self, _command: GCodeCommand) -> None:
        lines = ["Available extended commands:"]
        if not self.is_ready:
            lines.insert(0, "Printer is not ready - not all commands available.")
        lines += [f"{name:<10}: {text}" for name, text in self.gcode.commands_with_help]
        self.gcode.respond_info("\n".join(lines))

    async def _restart(self, _command: GCodeCommand) -> None:
        if self.is_ready:
            for turn_off in self._turn_off:
                turn_off()
            await self.toolhead.motor_off()
            await self.toolhead.dwell(RESTART_DWELL_S)
            await self.toolhead.wait_moves()
        self.exit_requested.set()

    # End

    def invoke_shutdown(self, message: str) -> None:
        """Halt the printer, as an emergency stop does. Only the first call counts."""
        if self.is_shutdown:
            return
        log.error("Transition to shutdown state: %s", message)
        was_ready = self.is_ready
        self.state, self.state_message = "shutdown", message + MESSAGE_SHUTDOWN
        if was_ready:
            self.gcode.respond_info("Klipper state: Shutdown")
        for callback in self.shutdown_callbacks:
            callback()

    async def aclose(self) -> None:
        """End all work and keep what the hardware keeps. Idempotent."""
        await self.tasks.aclose()
        for callback in self.disconnect_callbacks:
            callback()
        self._hardware.position = self.physical_position()
