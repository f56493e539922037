# A user's account in the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Printers, cameras and codes of registration, all that requests are judged by."""

from __future__ import annotations

import secrets
import string
import time
import uuid
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import EmulatorError

from .behaviour import Behaviour
from .camera import LocalCamera, Origin
from .files import LocalFile
from .printer import LocalPrinter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN_BYTES = 15  # 20 characters in base64url
CODE_LENGTH = 10
MAX_FILES = 50
CODE_LETTERS = string.ascii_uppercase + string.digits
TRIGGER_SCHEMES = (
    "MANUAL",
    "EACH_LAYER",
    "FIFTH_LAYER",
    "GCODE",
    "TEN_SEC",
    "THIRTY_SEC",
    "SIXTY_SEC",
    "TEN_MIN",
)


def new_token() -> str:
    """A token as Prusa Connect makes them: 20 characters of base64url."""
    return secrets.token_urlsafe(TOKEN_BYTES)


@attrs.frozen
class Registration:
    """A printer that asked to be registered, and when its code ends."""

    printer: LocalPrinter
    ends_s: float


class Account:
    """The state behind the API."""

    def __init__(self) -> None:
        self.behaviour = Behaviour()
        self.session = new_token()
        self.cameras: dict[str, LocalCamera] = {}
        self.printers: dict[str, LocalPrinter] = {}
        self.registrations: dict[str, Registration] = {}
        self.files: dict[str, LocalFile] = {}
        # Told of each camera whose picture the web page asks for.
        self.on_trigger: list[Callable[[LocalCamera], None]] = []

    def add_printer(self, *, online: bool = True) -> LocalPrinter:
        """A printer that was registered before."""
        printer = LocalPrinter(str(uuid.uuid4()), online)
        self.printers[printer.uuid] = printer
        return printer

    def add_camera(
        self,
        token: str | None = None,
        *,
        printer: LocalPrinter | None = None,
        origin: Origin = Origin.OTHER,
    ) -> LocalCamera:
        """A camera with a printer of its own if none is given."""
        camera = LocalCamera(
            len(self.cameras) + 1,
            token or new_token(),
            printer or self.add_printer(),
            origin,
        )
        if origin is Origin.WEB:
            # The browser's, which nobody else has.
            camera.fingerprint = secrets.token_hex()
        self.cameras[camera.token] = camera
        return camera

    def camera(self, camera_id: int) -> LocalCamera | None:
        """The camera of that number."""
        for camera in self.cameras.values():
            if camera.id == camera_id:
                return camera
        return None

    def printer_of(self, token: str) -> LocalPrinter | None:
        """The printer with that token."""
        for printer in self.printers.values():
            if token and printer.token == token:
                return printer
        return None

    def ask_registration(self, printer: LocalPrinter) -> str:
        """The code that the user has to confirm."""
        code = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
        ends_s = time.monotonic() + self.behaviour.code_lifetime_s
        self.registrations[code] = Registration(printer, ends_s)
        return code

    def registration(self, code: str) -> LocalPrinter | None:
        """The printer that a code was made for, None when there is no such code."""
        asked = self.registrations.get(code)
        if asked is None or time.monotonic() >= asked.ends_s:
            return None
        return asked.printer

    def confirm(self, code: str | None = None) -> LocalPrinter:
        """Agree to a registration, the newest if no code is given.

        EmulatorError when there is none.
        """
        if code is None:
            code = next(reversed(self.registrations), "")
        printer = self.registration(code)
        if printer is None:
            raise EmulatorError("no printer waits with that code")
        if printer.token is None:
            printer.token = new_token()
            printer.forget()
        self.printers[printer.uuid] = printer
        return printer

    def remove_printer(self, printer: LocalPrinter) -> None:
        """Remove a printer as the web page does; its token is good for nothing."""
        self.printers.pop(printer.uuid, None)
        self.registrations = {
            code: asked
            for code, asked in self.registrations.items()
            if asked.printer is not printer
        }

    def add_file(self, name: str, content: bytes, *, team_id: int = 1) -> LocalFile:
        """Upload a file for printers to download; the oldest go when there are many."""
        file = LocalFile(name, content, team_id)
        self.files.pop(file.hash, None)
        self.files[file.hash] = file
        if len(self.files) > MAX_FILES:
            del self.files[next(iter(self.files))]
        return file

    def secrets(self) -> Iterator[str]:
        """All that must show in no place but its own."""
        yield self.session
        yield from self.registrations
        for camera in self.cameras.values():
            yield camera.token
            yield camera.fingerprint or ""
        asked = (asked.printer for asked in self.registrations.values())
        for printer in {*self.printers.values(), *asked}:
            yield printer.token or ""
            yield printer.fingerprint or ""
