# What Klipper does for Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints, scripts and restarts: each refused with its reason, or done to its end.

Nobody stands beside the printer when Prusa Connect asks. So whatever is not known to be
harmless now is refused, and done is what Klipper says that it has done, not what it
was told to.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import (
    CommandFailed,
    CommandRejected,
    MoonrakerRefused,
    MoonrakerUnavailable,
    PrinterError,
)

from .gcode_allowlist import Limits, allowed_script
from .settings import GcodePolicy
from .status import IN_PRINT, has_runout, is_busy, print_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.moonraker import Klippy, MoonrakerClient

    from .paths import Place
    from .settings import KlipperSettings

START_TIMEOUT_S = 30.0  # reading and opening the file
STATE_TIMEOUT_S = 15.0  # from Klipper's "ok" to what was to come of it
STATE_POLL_S = 0.1
REST_TIMEOUT_S = 3.0  # idle_timeout is "Printing" until half a second after
JOB_TIMEOUT_S = 3.0  # until the view has the new print
PAUSE_TIMEOUT_S = 180.0  # a macro may lift, park and wait for the moves
CANCEL_TIMEOUT_S = 300.0  # as above, behind the line that is being run
SCRIPT_TIMEOUT_S = 300.0  # homing with a slow probe, and whatever a person allowed
FILAMENT_TIMEOUT_S = 900.0  # heats first
RESTART_CALL_TIMEOUT_S = 20.0
RESTART_TIMEOUT_S = 45.0
MAX_SCRIPT_BYTES = 64 << 10
STARTABLE = frozenset({"standby", "complete", "cancelled"})


class Printing:
    """Acts on Klipper; raises CommandRejected before it began, CommandFailed after."""

    def __init__(
        self, client: MoonrakerClient, klippy: Klippy, settings: KlipperSettings
    ) -> None:
        self._client = client
        self._klippy = klippy
        self._settings = settings

    def require_ready(self) -> None:
        """Raise CommandRejected unless Klipper can do something now."""
        klippy = self._klippy
        if klippy.state == "ready" and klippy.status:
            return
        who = "Moonraker" if klippy.state == "absent" else "Klipper"
        what = "does not answer" if klippy.state == "absent" else f"is {klippy.state}"
        if klippy.state == "ready":
            what = "has not told yet how it is"
        reason = f": {klippy.message}" if klippy.message else ""
        raise CommandRejected(f"{who} {what}{reason}")

    def require_startable(self) -> None:
        """Raise CommandRejected unless a print may begin now."""
        self.require_ready()
        state = self._state
        if state in IN_PRINT:
            raise CommandRejected(f"another print is {state}")
        if state not in STARTABLE:
            raise CommandRejected(
                f"the last print ended with '{state}': look at the printer, and clear "
                "that there (SDCARD_RESET_FILE)"
            )
        if is_busy(self._klippy.status):
            raise CommandRejected("the printer is busy")
        if has_runout(self._klippy.status):
            raise CommandRejected("there is no filament")

    async def start(self, place: Place, job_id: Callable[[], int | None]) -> None:
        """Print the file at ``place``, which is there; until Klipper really prints."""
        await self._rest()
        self.require_startable()
        before = job_id()
        await self._do("printer.print.start", START_TIMEOUT_S, filename=place.relative)
        begun = {*IN_PRINT, "complete", "cancelled"}
        await self._settle(
            lambda now: now.get("filename") == place.relative and now["state"] in begun,
            "Klipper does not print",
        )
        await self._klippy.until(lambda: job_id() not in (before, None), JOB_TIMEOUT_S)

    async def pause(self) -> None:
        """Pause the print that runs; until it is paused."""
        self.require_ready()
        if self._state != "printing":
            raise CommandRejected("nothing is printed that could be paused")
        await self._do("printer.print.pause", PAUSE_TIMEOUT_S)
        await self._settle(lambda now: now["state"] == "paused", "it is not paused")

    async def resume(self) -> None:
        """Go on with the paused print; until it goes on."""
        self.require_ready()
        if self._state != "paused":
            raise CommandRejected("no print is paused")
        if has_runout(self._klippy.status):
            raise CommandRejected("there is no filament")
        await self._do("printer.print.resume", PAUSE_TIMEOUT_S)
        await self._settle(
            lambda now: now["state"] in ("printing", "complete"), "it is still paused"
        )

    async def stop(self) -> None:
        """Cancel the print; until it has ended."""
        self.require_ready()
        if self._state not in IN_PRINT:
            raise CommandRejected("nothing is printed that could be stopped")
        await self._do("printer.print.cancel", CANCEL_TIMEOUT_S)
        await self._settle(
            lambda now: now["state"] not in IN_PRINT, "the print goes on", fails=()
        )

    async def run_gcode(self, text: object) -> None:
        """Run what is allowed of G-code, which is all of it or nothing."""
        if not isinstance(text, str) or not text.strip():
            raise CommandRejected("there is no G-code in the command")
        self.require_ready()
        if self._settings.gcode is GcodePolicy.ALL:
            if len(text) > MAX_SCRIPT_BYTES or "\0" in text or "\3" in text:
                raise CommandRejected("the G-code is too long, or no text")
            script = text
        else:
            script = allowed_script(
                text,
                Limits.of(self._klippy.settings),
                macros=self._macros,
                user_macros=self._settings.allowed_macros,
                is_idle=not self._is_working,
            )
        await self._run(script, SCRIPT_TIMEOUT_S)

    async def change_filament(self, macro: str, option: str) -> None:
        """Run the user's macro; ``option`` is where it would be configured."""
        self.require_ready()
        if not macro:
            raise CommandRejected(f"no macro for that: see '{option}' in prusacam.conf")
        if macro.upper() not in self._macros:
            raise CommandRejected(f"there is no macro {macro} on this printer")
        await self._rest()
        if self._state == "printing" or is_busy(self._klippy.status):
            raise CommandRejected("the printer is busy; pause it first")
        await self._run(macro, FILAMENT_TIMEOUT_S)

    async def reset(self) -> None:
        """Restart Klipper and the firmware; until Klipper is ready again."""
        klippy = self._klippy
        if klippy.state in ("absent", "disconnected"):
            self.require_ready()
        if klippy.state == "ready" and (self._state in IN_PRINT or not klippy.status):
            raise CommandRejected("a print runs; stop it first")
        before = klippy.subscriptions
        await self._do("printer.firmware_restart", RESTART_CALL_TIMEOUT_S)
        if not await klippy.until(
            lambda: klippy.subscriptions > before and klippy.state == "ready",
            RESTART_TIMEOUT_S,
        ):
            raise CommandFailed(
                f"Klipper is {klippy.state} after the restart: {klippy.message}"
            )

    async def _rest(self) -> None:
        """Wait for the end of what is about to end: a cancelled print's last moves."""
        klippy = self._klippy
        await klippy.until(lambda: not is_busy(klippy.status), REST_TIMEOUT_S)

    @property
    def _state(self) -> str:
        return print_state(self._klippy.status)

    @property
    def _is_working(self) -> bool:
        return self._state in IN_PRINT or is_busy(self._klippy.status)

    @property
    def _macros(self) -> frozenset[str]:
        prefix = "gcode_macro "
        return frozenset(
            name.removeprefix(prefix).upper()
            for name in self._klippy.names
            if name.startswith(prefix)
        )

    async def _run(self, script: str, timeout_s: float) -> None:
        await self._do("printer.gcode.script", timeout_s, script=script)

    async def _do(self, method: str, timeout_s: float, **params: Any) -> None:
        try:
            await self._client.call(method, params, timeout_s=timeout_s)
        except MoonrakerRefused as error:
            raise CommandFailed(f"Klipper: {error}") from error
        except MoonrakerUnavailable as error:
            raise CommandFailed(f"{error}; what became of it is not known") from error

    async def _settle(
        self,
        is_done: Callable[[dict[str, Any]], bool],
        trouble: str,
        fails: tuple[str, ...] = ("error",),
    ) -> None:
        """Ask until Klipper says that it is so: what is pushed is up to 250 ms old."""
        stats: dict[str, Any] = {"state": "nothing"}
        try:
            async with asyncio.timeout(STATE_TIMEOUT_S):
                while not is_done(stats := await self._print_stats()):
                    if stats["state"] in fails:
                        break
                    await asyncio.sleep(STATE_POLL_S)
        except TimeoutError:
            raise CommandFailed(f"{trouble}: Klipper says {stats['state']}") from None
        state, file = stats["state"], stats.get("filename")
        await self._klippy.until(
            lambda: self._state == state or self._file != file, JOB_TIMEOUT_S
        )
        if state in fails:
            words = stats.get("message") or "Klipper gave no reason"
            raise CommandFailed(f"the print failed: {words}")

    @property
    def _file(self) -> object:
        return self._klippy.status.get("print_stats", {}).get("filename")

    async def _print_stats(self) -> dict[str, Any]:
        query = {"objects": {"print_stats": ["state", "filename", "message"]}}
        try:
            reply = await self._client.call("printer.objects.query", query)
            stats = reply["status"]["print_stats"]
            return {"state": str(stats["state"]), **stats}
        except (PrinterError, LookupError, TypeError) as error:
            raise CommandFailed(f"what became of it is not known: {error}") from error
