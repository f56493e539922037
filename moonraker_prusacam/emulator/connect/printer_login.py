# Who a printer is.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges the headers that all requests of a registered printer have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import printer_rules as rules
from .answers import Answer, invalid_fingerprint
from .camera_api import CODES

if TYPE_CHECKING:
    from aiohttp import web

    from .account import Account
    from .printer import LocalPrinter

CLOCK_ADJUSTED = "Clock-Adjusted"


def identify(account: Account, request: web.Request) -> LocalPrinter | Answer:
    """The printer of a request's Token and Fingerprint, or why there is none."""
    printer = account.printer_of(request.headers.get("Token", ""))
    if printer is None:
        status = 401
        if request.headers.get("Token"):
            status = account.behaviour.unknown_token_status
        return Answer.error(
            rules.PRINTER_TOKEN, status, CODES[status], "Token is not valid"
        )
    if request.headers.get("Fingerprint") != printer.fingerprint:
        return invalid_fingerprint(rules.PRINTER_FINGERPRINT)
    if request.headers.get(CLOCK_ADJUSTED) == "1":
        printer.clock_adjusted += 1
    return printer
