# Klipper's timelapse macros, told and released.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs G-code for the timelapse macros, ours or moonraker-timelapse's.

Klipper runs a script when what it is at is done, which may be a long heat-up. So
nothing here is waited for by a caller, and nothing is run unless the macro exists.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from .coalesced import Coalesced
from .deadline import within
from .jobs import FILE_SELECTED

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from moonraker.common import JobEvent
    from moonraker.server import Server

    from .timelapse_settings import TimelapseSettings

log = logging.getLogger(__name__)

QUERY_TIMEOUT_S = 2.0
SCRIPT_TIMEOUT_S = 60.0
"""When to stop waiting for a script; Klipper runs it in its turn all the same."""

MAX_TASKS = 8

SETUP = "_SET_TIMELAPSE_SETUP"
HYPERLAPSE = "HYPERLAPSE"

PARAMETERS = {
    "ENABLE": "enabled",
    "VERBOSE": "gcode_verbose",
    "PARK_ENABLE": "parkhead",
    "PARK_POS": "parkpos",
    "CUSTOM_POS_X": "park_custom_pos_x",
    "CUSTOM_POS_Y": "park_custom_pos_y",
    "CUSTOM_POS_DZ": "park_custom_pos_dz",
    "TRAVEL_SPEED": "park_travel_speed",
    "RETRACT_SPEED": "park_retract_speed",
    "EXTRUDE_SPEED": "park_extrude_speed",
    "RETRACT_DISTANCE": "park_retract_distance",
    "EXTRUDE_DISTANCE": "park_extrude_distance",
    "PARK_TIME": "park_time",
    "FW_RETRACT": "fw_retract",
    "MODE": "mode",
}
"""Of ``_SET_TIMELAPSE_SETUP``; MODE is ours, moonraker-timelapse's passes it over."""

ENDS = frozenset({"complete", "cancelled", "error", "standby"})


class TimelapseMacros:
    """Keeps the macros' variables as the settings are, and starts parked hyperlapses.

    Frames at intervals are the engine's own work, but for those with a parked head:
    then the macro HYPERLAPSE parks it, and calls for each frame.
    """

    def __init__(self, server: Server, settings: TimelapseSettings) -> None:
        self._server = server
        self._settings = settings
        self._klippy = server.lookup_component("klippy_connection")
        self._klippy_apis = server.lookup_component("klippy_apis")
        self._setup = Coalesced("macro setup", self._push_setup)
        self._tasks: set[asyncio.Task[None]] = set()
        self._looping = False
        for event, handler in {
            "server:klippy_ready": self.push_settings,
            "server:klippy_disconnect": self._on_klippy_disconnect,
            "server:gcode_response": self._on_gcode_response,
            "job_state:state_changed": self._on_state_changed,
        }.items():
            server.register_event_handler(event, handler)

    def push_settings(self) -> None:
        """Have the macros' variables follow the settings, soon."""
        if self._klippy.is_ready():
            self._setup.request()

    def release(
        self,
        macro: str,
        variable: str,
        after: Coroutine[Any, Any, None] | None = None,
    ) -> None:
        """Set a macro's variable to False if it is true: the macro waits for that.

        Ours never do; those of moonraker-timelapse stay paused until they are told.
        """
        self._start(self._release(macro, variable, after))

    def close(self) -> None:
        """End the background work. Idempotent."""
        self._setup.stop()
        for task in self._tasks:
            task.cancel()

    def _on_klippy_disconnect(self) -> None:
        self._looping = False
        self._setup.stop()

    def _on_gcode_response(self, response: str) -> None:
        # Sooner and surer than Moonraker's event that the print has started.
        if response.strip() == FILE_SELECTED and self._wants_loop():
            self._looping = True
            cycle = self._settings["hyperlapse_cycle"]
            self._start(self._hyperlapse(f"ACTION=START CYCLE={cycle}"))

    def _on_state_changed(
        self, event: JobEvent, _before: Mapping[str, Any], _after: Mapping[str, Any]
    ) -> None:
        if str(event) in ENDS and self._looping:
            self._looping = False
            self._start(self._hyperlapse("ACTION=STOP"))

    def _wants_loop(self) -> bool:
        return bool(
            self._settings["enabled"]
            and self._settings["mode"] == "hyperlapse"
            and self._settings["parkhead"]
        )

    async def _push_setup(self) -> None:
        if await self._has_macro(SETUP):
            parameters = " ".join(
                f"{parameter}={self._settings[name]}"
                for parameter, name in PARAMETERS.items()
            )
            await self._run(f"{SETUP} {parameters}")

    async def _hyperlapse(self, parameters: str) -> None:
        if await self._has_macro(HYPERLAPSE):
            await self._run(f"{HYPERLAPSE} {parameters}")

    async def _release(
        self, macro: str, variable: str, after: Coroutine[Any, Any, None] | None
    ) -> None:
        if after is not None:
            await after
        name = f"gcode_macro {macro}"
        try:
            status = await within(
                QUERY_TIMEOUT_S,
                self._klippy_apis.query_objects({name: [variable]}, {}),
            )
        except asyncio.TimeoutError:
            # Better once too often than a print that waits for ever.
            status = {name: {variable: True}}
        if status.get(name, {}).get(variable):
            await self._run(
                f"SET_GCODE_VARIABLE MACRO={macro} VARIABLE={variable} VALUE=False"
            )

    async def _has_macro(self, macro: str) -> bool:
        try:
            names = await within(QUERY_TIMEOUT_S, self._klippy_apis.get_object_list([]))
        except asyncio.TimeoutError:
            return False
        return f"gcode_macro {macro}".lower() in (name.lower() for name in names)

    async def _run(self, script: str) -> None:
        try:
            await within(SCRIPT_TIMEOUT_S, self._klippy_apis.run_gcode(script))
        except asyncio.TimeoutError:
            log.info("prusacam: Klipper has not come to '%.40s' yet", script)
        except self._server.error as error:
            log.warning("prusacam: Klipper refused '%.40s': %s", script, error)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._tasks) >= MAX_TASKS:
            log.warning("prusacam: too many scripts wait for Klipper")
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work, name="prusacam:macro")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
