# How a printer gets into Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A code for a person, and the wait until that person has entered it.

Source: Prusa's printer SDK 0.8.1, which asks every second and gives up after half an
hour; the address is that of its README.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs
from yarl import URL

from moonraker_prusacam.connect.schedule import MAX_RETRY_AFTER_S, BackOff
from moonraker_prusacam.errors import ConnectUnavailable, PrusaConnectError

if TYPE_CHECKING:
    from moonraker_prusacam.connect.clock import Clock
    from moonraker_prusacam.secret import Secret

    from .api import PrinterApi

ASK_S = 1.0
VALID_S = 1800.0
FIRST_BACKOFF_S, LAST_BACKOFF_S = 2.0, 60.0


@attrs.frozen
class Ticket:
    """``url`` is where a person adds the printer; ``until_s`` is Unix time."""

    code: str
    url: str
    until_s: float


class CodeExpired(PrusaConnectError):
    """Nobody has entered the code in time."""


class Registration:
    """One attempt; ``begin`` once, then ``wait``."""

    def __init__(
        self,
        api: PrinterApi,
        clock: Clock,
        printer_type: str,
        *,
        name: str = "",
        location: str = "",
    ) -> None:
        self._api = api
        self._clock = clock
        self._printer_type = printer_type
        self._query = {
            key: value
            for key, value in (("name", name), ("location", location))
            if value
        }
        self._until_s = 0.0

    async def begin(self) -> Ticket:
        """Ask for a code; raises PrusaConnectError."""
        code = await self._api.register()
        self._until_s = self._clock.monotonic_s() + VALID_S
        return Ticket(code, self._url(code), self._clock.wall_s() + VALID_S)

    async def wait(self, code: str) -> Secret:
        """The token, when somebody has entered ``code``; raises PrusaConnectError.

        An outage in between is waited out.
        """
        back_off = BackOff(FIRST_BACKOFF_S, LAST_BACKOFF_S)
        while True:
            wait_s = ASK_S
            try:
                token = await self._api.registered(code)
            except ConnectUnavailable as error:
                asked_s = min(error.retry_after_s or 0.0, MAX_RETRY_AFTER_S)
                wait_s = max(back_off.next_s(), asked_s)
            else:
                back_off.reset()
                if token is not None:
                    return token
            now_s = self._clock.monotonic_s()
            if now_s + wait_s > self._until_s:
                raise CodeExpired(
                    f"nobody has entered the code in {VALID_S / 60:.0f} minutes: "
                    "register again"
                )
            await self._clock.wait(asyncio.Event(), now_s + wait_s)

    def _url(self, code: str) -> str:
        parts = ("add-printer", "connect", self._printer_type, code)
        return str(URL(self._api.url).joinpath(*parts).with_query(self._query))
