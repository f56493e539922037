# The printer's side of the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/p/register`` and ``/p/camera``, as the official printer SDK 0.8.1 uses them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from . import printer_rules as rules
from .answers import Answer, invalid_body, parse_object
from .camera import Origin
from .printer import LocalPrinter
from .printer_login import identify
from .vocabulary import PRINTER_TYPES

if TYPE_CHECKING:
    from aiohttp import web

    from .account import Account

REQUIRED = ("sn", "fingerprint", "printer_type")


class PrinterApi:
    """Judges who becomes a printer, and which cameras it vouches for."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def register(self, _request: web.Request, body: bytes) -> Answer:
        """``POST /p/register``: a code for the user."""
        asked = parse_object(body)
        if not all(isinstance(asked.get(key), str) and asked[key] for key in REQUIRED):
            return Answer.error(
                rules.REGISTER_BODY, 400, "BAD_REQUEST", "Missing sn or fingerprint"
            )
        if asked["printer_type"] not in PRINTER_TYPES:
            return Answer.error(
                rules.REGISTER_TYPE, 400, "BAD_REQUEST", "Unknown printer_type"
            )
        code = self._account.ask_registration(self._printer(asked))
        return Answer.by(rules.REGISTER, 200, headers={"Code": code})

    def registered(self, request: web.Request, _body: bytes) -> Answer:
        """``GET /p/register``: whether the user has agreed."""
        printer = self._account.registration(request.headers.get("Code", ""))
        if printer is None:
            return Answer.error(
                rules.CODE_UNKNOWN, 404, "NOT_FOUND", "Code is not valid"
            )
        if printer.token is None:
            return Answer.by(rules.CODE_WAITS, 202)
        return Answer.by(rules.REGISTERED, 200, headers={"Token": printer.token})

    def add_camera(self, request: web.Request, body: bytes) -> Answer:
        """``POST /p/camera``: a camera that the printer vouches for."""
        printer = identify(self._account, request)
        if isinstance(printer, Answer):
            return printer
        info = parse_object(body)
        config, fingerprint = info.get("config"), info.pop("fingerprint", None)
        named = isinstance(config, dict) and isinstance(config.get("name"), str)
        if not named or not isinstance(fingerprint, str) or not fingerprint:
            return invalid_body(rules.CAMERA_BODY)
        camera = self._account.add_camera(printer=printer, origin=Origin.LINK)
        camera.fingerprint = fingerprint
        camera.info = info
        return Answer.by(rules.CAMERA_MADE, 200, headers={"Token": camera.token})

    def _printer(self, asked: dict[str, str]) -> LocalPrinter:
        """The printer with this serial number, or a new one."""
        for printer in self._account.printers.values():
            if printer.serial_number == asked["sn"]:
                # Whoever registers a printer again has to be agreed to again.
                printer.token = None
                break
        else:
            printer = LocalPrinter(str(uuid.uuid4()), serial_number=asked["sn"])
        printer.printer_type = asked["printer_type"]
        printer.fingerprint = asked["fingerprint"]
        printer.firmware = asked.get("firmware")
        return printer
