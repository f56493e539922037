# How a printer and Prusa Connect reach each other.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of transports, and the one over HTTP.

Over HTTP a command comes in the reply to telemetry, so the printer has to ask for it.
Registration and cameras go by ``PrinterApi``, whatever the transport.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .api import PrinterApi
    from .messages import Command, Event
    from .wire import Unreadable

    CommandHandler = Callable[[Command | Unreadable], None]


class Link(Protocol):
    """Takes one thing after the other; each call ends within a bound.

    What cannot be sent raises: TokenRejected when the user must act,
    ConnectUnavailable when waiting may help, SnapshotRejected otherwise.
    """

    on_command: CommandHandler
    on_open: Callable[[], None]  # whoever is at the other end knows nothing of us

    async def start(self) -> None:
        """Get ready; nobody is waited for."""

    async def open(self) -> None:
        """Reach Prusa Connect, if that is done apart from what is told."""

    async def aclose(self) -> None:
        """Leave. Idempotent."""

    async def send_telemetry(self, told: Mapping[str, Any]) -> None:
        """Tell how the printer is."""

    async def send_event(self, event: Event, at_s: float) -> None:
        """Tell what happened at Unix time ``at_s``."""


def _nobody(_: Command | Unreadable) -> None:
    """Where commands go before somebody listens."""


class HttpLink:
    """``POST /p/telemetry`` and ``POST /p/events``."""

    def __init__(self, api: PrinterApi) -> None:
        self.on_command: CommandHandler = _nobody
        self.on_open: Callable[[], None] = lambda: None
        self._api = api

    async def start(self) -> None:
        """See Link."""

    async def open(self) -> None:
        """See Link; a request opens what it needs."""

    async def aclose(self) -> None:
        """See Link; the connections are the client's."""

    async def send_telemetry(self, told: Mapping[str, Any]) -> None:
        """See Link."""
        command = await self._api.telemetry(told)
        if command is not None:
            self.on_command(command)

    async def send_event(self, event: Event, at_s: float) -> None:
        """See Link."""
        await self._api.event(event, at_s)
