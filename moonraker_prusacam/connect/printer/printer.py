# The printer of this host in Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner of all that there is of it: registration, tokens, and the session.

Klipper's side is given as ``PrinterActions``; whatever Prusa Connect does or does not
do, nothing of it waits.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.connect.clock import SystemClock
from moonraker_prusacam.errors import PrusacamError, RegistrationError
from moonraker_prusacam.tasks import TaskOwner

from .answers import AnswerBook
from .cameras import CameraTokens
from .identity import forget_tokens, load_token, store_token, token_path
from .registration import Registration
from .session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from moonraker_prusacam.connect.clock import Clock
    from moonraker_prusacam.printer_options import PrinterConfig
    from moonraker_prusacam.secret import Secret

    from .api import PrinterApi
    from .cameras import Vouched
    from .identity import PrinterIdentity
    from .registration import Ticket
    from .view import PrinterActions

log = logging.getLogger(__name__)

ANSWERS = "answers.json"
ADVICE = {
    "unregistered": "prusacam printer register",
    "waiting": "add the printer at the address, or enter the code in Prusa Connect",
}


class ConnectPrinter:
    """From ``start`` to ``aclose``; registered or not."""

    def __init__(
        self,
        config: PrinterConfig,
        identity: PrinterIdentity,
        folder: Path,
        api: PrinterApi,
        actions: PrinterActions,
        notify: Callable[[dict[str, Any]], None],
        *,
        cameras: Sequence[Vouched] = (),
        on_unregistered: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
    ) -> None:
        self._config = config
        self._identity = identity
        self._folder = folder
        self._api = api
        self._actions = actions
        self._notify = notify
        self._on_unregistered = on_unregistered
        self._clock = clock or SystemClock()
        self.tokens = CameraTokens(api, self._clock, folder, cameras)
        self._book = AnswerBook(folder / ANSWERS)
        self._session: Session | None = None
        self._ticket: Ticket | None = None
        self._failure = ""
        self._registering: asyncio.Task[None] | None = None
        self._change = asyncio.Lock()
        self._tasks = TaskOwner("printer")

    async def start(self) -> None:
        """Go on as the printer that Prusa Connect knows; raises ConfigError."""
        token = await asyncio.to_thread(load_token, token_path(self._folder))
        if token is not None:
            await self._open(token)

    async def aclose(self) -> None:
        """Leave Prusa Connect's entry as it is. Idempotent."""
        await self._tasks.aclose()
        session, self._session = self._session, None
        if session is not None:
            await session.aclose()
        await self._api.aclose()

    async def register(self) -> Ticket:
        """Ask for a code, and wait for the token in the background.

        Asked again, the ticket that waits is the answer. Raises RegistrationError when
        the printer is registered, and PrusaConnectError.
        """
        async with self._change:
            if self._session is not None:
                raise RegistrationError(
                    "the printer is registered: prusacam printer unregister comes first"
                )
            if self._ticket is not None:
                return self._ticket
            registration = Registration(
                self._api,
                self._clock,
                self._config.printer_type,
                name=self._config.name or "",
                location=self._config.location or "",
            )
            self._failure = ""
            self._ticket = ticket = await registration.begin()
            self._registering = self._tasks.start(
                "register", self._register(registration, ticket)
            )
        self._tell_contact()
        return ticket

    async def unregister(self) -> bool:
        """Forget the tokens; whether there was one. Raises ConfigError."""
        async with self._change:
            if self._registering is not None:
                self._registering.cancel()
                await asyncio.wait([self._registering])
            session, self._session, self._ticket = self._session, None, None
            if session is not None:
                await session.aclose()
            self._api.token, self._failure = None, ""
            self.tokens.forget()
            await asyncio.to_thread(forget_tokens, self._folder)
            await asyncio.to_thread(self._book.forget)
        self._on_unregistered()
        self._tell_contact()
        return session is not None

    def set_ready(self, *, is_ready: bool) -> None:
        """Take the user's word that a print may begin; raises PrinterError."""
        if self._session is None:
            raise RegistrationError("the printer is not registered in Prusa Connect")
        self._session.set_ready(is_ready=is_ready)

    def report(self) -> dict[str, Any]:
        """How it stands, for people and programs; no secrets."""
        state, reason = self._state()
        ticket = self._ticket
        told = {
            "state": state,
            "reason": reason,
            "advice": ADVICE.get(state, ""),
            "server": self._config.server,
            "transport": self._config.transport,
            "serial_number": self._identity.serial,
            "printer_type": self._identity.printer_type,
            "firmware": self._api.firmware,
            "klipper": self._actions.view.klippy,
            "code": None if ticket is None else ticket.code,
            "url": None if ticket is None else ticket.url,
            "code_valid_until": None if ticket is None else ticket.until_s,
            "cameras": self.tokens.report(),
        }
        session = self._session
        return told | ({} if session is None else session.report())

    def _state(self) -> tuple[str, str]:
        if self._session is not None:
            reporter = self._session.reporter
            return str(reporter.contact), reporter.reason
        if self._ticket is not None:
            return "waiting", "nobody has entered the code yet"
        return "unregistered", self._failure

    async def _register(self, registration: Registration, ticket: Ticket) -> None:
        try:
            token = await registration.wait(ticket.code)
            await asyncio.to_thread(store_token, token_path(self._folder), token)
            await self._open(token)
        except PrusacamError as error:
            log.warning("the printer was not registered: %s", error)
            self._failure = str(error)
        finally:
            self._ticket = self._registering = None
        self._tell_contact()

    async def _open(self, token: Secret) -> None:
        self._api.token = token
        session = Session(
            self._config,
            self._identity,
            self._api,
            self._actions,
            self._book,
            self.tokens,
            self._clock,
            self._tell_contact,
        )
        self._session = session
        await session.start()

    def _tell_contact(self) -> None:
        state, reason = self._state()
        self._notify({"event": "state", "state": state, "reason": reason})
