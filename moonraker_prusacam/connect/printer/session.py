# A registered printer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes on between Prusa Connect and Klipper while there is a token."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.connect.network import network_info
from moonraker_prusacam.errors import PrinterError
from moonraker_prusacam.tasks import TaskOwner

from .commands import Commands
from .desk import CommandDesk
from .info import info_data
from .link import HttpLink
from .messages import Event, EventKind, Source
from .reporter import Reporter
from .socket_link import SocketLink
from .telemetry import telemetry
from .watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.connect.clock import Clock
    from moonraker_prusacam.printer_options import PrinterConfig

    from .answers import AnswerBook
    from .api import PrinterApi
    from .cameras import CameraTokens
    from .identity import PrinterIdentity
    from .link import Link
    from .states import StateKeeper
    from .view import PrinterActions

log = logging.getLogger(__name__)

FILES_TIMEOUT_S = 10.0


def open_link(transport: str, api: PrinterApi) -> Link:
    """The transport that the user has chosen."""
    return SocketLink(api) if transport == "websocket" else HttpLink(api)


class Session:
    """From ``start`` to ``aclose``; another registration is another session."""

    def __init__(
        self,
        config: PrinterConfig,
        identity: PrinterIdentity,
        api: PrinterApi,
        actions: PrinterActions,
        book: AnswerBook,
        tokens: CameraTokens,
        clock: Clock,
        on_contact: Callable[[], None],
        *,
        link: Link | None = None,
    ) -> None:
        self.actions = actions
        self._config = config
        self._identity = identity
        self._api = api
        self._book = book
        self._tokens = tokens
        self._clock = clock
        link = link or open_link(config.transport, api)
        self.desk = CommandDesk(Commands(self).execute, self.tell, book)
        link.on_command = self.desk.receive
        self.reporter = Reporter(
            link,
            clock,
            telemetry=self._telemetry,
            info=self.info,
            is_active=self._is_active,
            on_contact=on_contact,
        )
        self._watcher = Watcher(clock.monotonic_s(), self.tell, self.reporter.introduce)
        self._was_active = False
        self._tasks = TaskOwner("printer-session")

    @property
    def states(self) -> StateKeeper:
        """How the printer is."""
        return self._watcher.states

    async def start(self) -> None:
        """Begin to tell, and to do what is told."""
        owed = await asyncio.to_thread(self._book.load)
        self.actions.on_change.append(self._changed)
        self.actions.on_event.append(self.tell)
        self.look()
        if owed is not None:
            self.tell(owed)
        await self.reporter.start()
        self._tasks.start("cameras", self._tokens.run())

    async def aclose(self) -> None:
        """Leave the printer as it is. Idempotent."""
        if self._changed in self.actions.on_change:
            self.actions.on_change.remove(self._changed)
            self.actions.on_event.remove(self.tell)
        await self._tasks.aclose()
        await self.desk.aclose()
        await self.reporter.aclose()

    def tell(self, event: Event) -> None:
        """Send ``event``, with what goes with every event."""
        standing, transfer = self.states.standing, self.actions.view.transfer
        transfer_id = None if transfer is None else transfer.id
        self.reporter.tell(
            attrs.evolve(
                event,
                state=event.state or standing.state,
                job_id=event.job_id if event.job_id is not None else standing.job_id,
                transfer_id=(
                    event.transfer_id if event.transfer_id is not None else transfer_id
                ),
            )
        )

    def set_ready(self, *, is_ready: bool) -> None:
        """Take the user's word; raises CommandRejected."""
        self.states.set_ready(is_ready=is_ready)
        self._look(Source.USER)

    def look(self) -> None:
        """See what has changed, and tell of it."""
        self._look(Source.FIRMWARE if self.desk.running is None else Source.CONNECT)

    def _look(self, source: Source) -> None:
        view = self.actions.view
        if view.klipper_version:
            self._api.klipper_version = view.klipper_version
        self._watcher.look(view, self._clock.monotonic_s(), source)

    async def info(self, is_small: bool) -> Event:
        """INFO as it is now, without files if it has to be small."""
        files = None
        if not is_small:
            try:
                async with asyncio.timeout(FILES_TIMEOUT_S):
                    files = await self.actions.files()
            except (PrinterError, TimeoutError) as error:
                log.debug("no list of files for Prusa Connect: %s", error)
        network = None
        if self._config.send_network_info:
            network = await asyncio.to_thread(network_info)
        self.look()
        data = info_data(
            self._identity, self._api.firmware, self.actions.view, network, files
        )
        state = self.states.standing.state
        return Event(
            kind=EventKind.INFO, source=Source.FIRMWARE, data=data, state=state
        )

    def report(self) -> dict[str, Any]:
        """What a person wants to know of it; no secrets."""
        standing, reporter = self.states.standing, self.reporter
        running = self.desk.running
        return {
            "printer_state": str(standing.state),
            "printer_reason": standing.reason,
            "ready": self.states.is_ready,
            "job_id": standing.job_id,
            "command": None if running is None else running.name,
            "commands": self.desk.done,
            "waiting_events": len(reporter.outbox),
            "dropped_events": reporter.outbox.dropped,
            "sent": dict(reporter.sent),
            "last_contact": reporter.last_s,
        }

    def _changed(self) -> None:
        was_active, self._was_active = self._was_active, self._is_active()
        if self._was_active != was_active:
            self.reporter.wake()

    def _is_active(self) -> bool:
        """Look, and say whether things change by the second."""
        self.look()
        return (
            self.states.standing.is_active
            or self.desk.running is not None
            or self.actions.view.transfer is not None
        )

    def _telemetry(self) -> dict[str, Any]:
        running = self.desk.running
        return telemetry(
            self.actions.view,
            self.states.standing,
            None if running is None else running.id,
        )
