# The printer bridge.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins Klipper's side of a printer and Prusa Connect's, if ``[printer]`` wants it.

Without consent nothing is opened. What is wrong with the printer's own files is told,
and stops neither cameras nor timelapses.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .connect.clock import SystemClock
from .connect.printer.answers import AnswerBook
from .connect.printer.api import PrinterApi
from .connect.printer.cameras import Vouched
from .connect.printer.identity import (
    forget_tokens,
    load_or_create_identity,
    printer_path,
    token_path,
)
from .connect.printer.klipper import GcodePolicy, KlipperPrinter, KlipperSettings
from .connect.printer.printer import ANSWERS, ConnectPrinter
from .errors import ConfigError, RegistrationError
from .moonraker import MoonrakerClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from .config import Config, PrinterConfig
    from .connect.printer.identity import PrinterIdentity
    from .uploads import Uploads

log = logging.getLogger(__name__)

MACHINE_ID = Path("/etc/machine-id")
NO_SECTION = "there is no [printer] section in prusacam.conf"
NO_CONSENT = "[printer] has no 'consent: True'"
ABOUT = "docs/printer.md tells what it does, and what you agree to"


class PrinterBridge:
    """``printer`` is there while it is wanted and its files are fine."""

    def __init__(
        self,
        config: Config,
        uploads: Uploads,
        notify: Callable[[dict[str, Any]], None],
    ) -> None:
        self.printer: ConnectPrinter | None = None
        self._config = config
        self._uploads = uploads
        self._notify = notify
        self._failure = ""
        self._klipper: KlipperPrinter | None = None
        self._moonraker: MoonrakerClient | None = None

    async def start(self) -> None:
        """Begin, if the user has agreed."""
        section = self._config.printer
        if section is None or not section.consent:
            return
        try:
            await self._start(section)
        except ConfigError as error:
            log.error("the printer is not in Prusa Connect: %s", error)  # noqa: TRY400
            self._failure = str(error)
            await self.aclose()

    async def aclose(self) -> None:
        """Leave printer and entry as they are. Idempotent."""
        printer, self.printer = self.printer, None
        if printer is not None:
            await printer.aclose()
        klipper, self._klipper = self._klipper, None
        if klipper is not None:
            await klipper.aclose()
        moonraker, self._moonraker = self._moonraker, None
        if moonraker is not None:
            await moonraker.aclose()

    def required(self) -> ConnectPrinter:
        """The printer; raises RegistrationError with why there is none."""
        if self.printer is None:
            told = self.report()
            raise RegistrationError(f"{told['reason']}: {told['advice']}")
        return self.printer

    def report(self) -> dict[str, Any]:
        """How it stands; no secrets."""
        if self.printer is not None:
            return self.printer.report()
        if self._failure:
            advice = "mend it, then: sudo systemctl restart prusacam"
            return {"state": "failed", "reason": self._failure, "advice": advice}
        reason = NO_SECTION if self._config.printer is None else NO_CONSENT
        return {"state": "off", "reason": reason, "advice": ABOUT}

    async def unregister(self) -> bool:
        """Forget all tokens, without consent as well; whether there was one."""
        if self.printer is not None:
            return await self.printer.unregister()
        return await asyncio.to_thread(forget_printer, self._config)

    def brief(self) -> dict[str, Any]:
        """How it stands, for everybody: a code would give the printer away."""
        told = self.report()
        return {name: told[name] for name in ("state", "reason", "advice")}

    async def _start(self, section: PrinterConfig) -> None:
        folder = printer_path(self._config.engine.state_path)
        identity = await asyncio.to_thread(load_identity, self._config, section)
        api = PrinterApi(section.server, identity, SystemClock())
        self._moonraker = moonraker = MoonrakerClient(self._config.moonraker_path)
        self._klipper = klipper = KlipperPrinter(
            moonraker, api, klipper_settings(section, folder)
        )
        self.printer = printer = ConnectPrinter(
            section,
            identity,
            folder,
            api,
            klipper,
            self._notify,
            cameras=self._vouched() if section.cameras else (),
            on_unregistered=self._uploads.drop_vouched,
        )
        for connect in self._uploads.vouched:
            if await self._uploads.stored_token(connect.camera) is not None:
                printer.tokens.known(connect.camera)
        moonraker.start()
        # First the token: a download that goes on needs it.
        await printer.start()
        await klipper.start()

    def _vouched(self) -> list[Vouched]:
        uploads = self._uploads
        return [
            Vouched(
                connect.camera,
                partial(uploads.describe, connect.camera),
                partial(uploads.adopt, connect.camera),
            )
            for connect in uploads.vouched
        ]


def load_identity(config: Config, section: PrinterConfig) -> PrinterIdentity:
    """Who the printer is, made if need be; blocks, raises ConfigError."""
    folder = printer_path(config.engine.state_path)
    return load_or_create_identity(folder, section.printer_type, MACHINE_ID)


def forget_printer(config: Config) -> bool:
    """Forget what Prusa Connect gave; whether there was anything. Blocks.

    Raises ConfigError. Serial number and fingerprint stay.
    """
    folder = printer_path(config.engine.state_path)
    had_token = token_path(folder).exists()
    forget_tokens(folder)
    AnswerBook(folder / ANSWERS).forget()
    return had_token


def klipper_settings(section: PrinterConfig, folder: Path) -> KlipperSettings:
    """What the user allows to be done."""
    return KlipperSettings(
        state_path=folder / "transfers",
        gcode=GcodePolicy(section.gcode),
        allowed_macros=section.allowed_macros,
        load_filament=section.load_filament or "",
        unload_filament=section.unload_filament or "",
        allow_lan_downloads=section.allow_lan_downloads,
        max_download_mb=section.max_download_mb,
        reserve_mb=section.reserve_mb,
    )
