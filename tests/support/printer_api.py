# A client of the printer API, at a Prusa Connect by script.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of its requests and of the ways to it begin with, as fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moonraker_prusacam.connect.printer.api import PrinterApi
from moonraker_prusacam.connect.printer.identity import PrinterIdentity
from moonraker_prusacam.secret import Secret
from tests.support.clock import VirtualClock
from tests.support.scripted_connect import TOKEN, scripted_connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.scripted_connect import ScriptedConnect

FINGERPRINT = "0123456789abcdef0123456789abcdef"
IDENTITY = PrinterIdentity("KLP-0123456789AB", "6.1.0", FINGERPRINT)


async def connect() -> AsyncIterator[ScriptedConnect]:
    async with scripted_connect() as server:
        yield server


def clock() -> VirtualClock:
    return VirtualClock()


async def api(
    connect: ScriptedConnect, clock: VirtualClock
) -> AsyncIterator[PrinterApi]:
    client = PrinterApi(connect.url, IDENTITY, clock, token=Secret(TOKEN))
    yield client
    await client.aclose()
