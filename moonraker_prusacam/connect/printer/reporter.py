# All that a printer tells Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one loop that sends: INFO, events in their order, telemetry when it is due.

One request is under way at most, and each ends within a bound, so a server that hangs
costs a few seconds of nothing but this loop. Whatever happens it goes on: after an
outage in seconds, after what only a person can mend in minutes.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.connect.schedule import (
    FIRST_PROBE_S,
    LAST_PROBE_S,
    MAX_RETRY_AFTER_S,
    BackOff,
)
from moonraker_prusacam.errors import (
    ConnectUnavailable,
    PrusaConnectError,
    SnapshotRejected,
    TokenRejected,
)
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.tasks import TaskOwner

from .outbox import Outbox
from .planner import TelemetryPlanner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from moonraker_prusacam.connect.clock import Clock

    from .link import Link
    from .messages import Event

log = logging.getLogger(__name__)

FIRST_BACKOFF_S, LAST_BACKOFF_S = 1.0, 60.0
BUG_WAIT_S = 60.0
LATE_S = 1.0  # how much telemetry may wait for events
INFO_GAP_S = 5.0  # files may change faster than a list of them is worth sending
NEEDS_INFO = 503  # the answer to telemetry of a printer that has not introduced itself
MOST_TRIES = 3


class Contact(enum.StrEnum):
    """How it stands between printer and Prusa Connect."""

    STARTING = "starting"
    ONLINE = "online"
    OFFLINE = "offline"
    REFUSED = "refused"


class Reporter:
    """Sends what ``outbox`` holds and the three functions tell, for ever."""

    def __init__(
        self,
        link: Link,
        clock: Clock,
        *,
        telemetry: Callable[[], Mapping[str, Any]],
        info: Callable[[bool], Awaitable[Event]],
        is_active: Callable[[], bool],
        on_contact: Callable[[], None],
    ) -> None:
        self.outbox = Outbox()
        self.contact = Contact.STARTING
        self.reason = ""
        self.last_s: float | None = None  # Unix time of the last answer
        self.sent = {"telemetry": 0, "info": 0, "events": 0, "refused": 0}
        self._link = link
        self._clock = clock
        self._telemetry = telemetry
        self._info = info
        self._is_active = is_active
        self._on_contact = on_contact
        self._planner = TelemetryPlanner()
        self._info_needed = True  # nothing else is taken before it
        self._info_wanted = False
        self._info_from_s = clock.monotonic_s()
        self._info_is_small = False
        self._failed_events = 0
        self._telemetry_first = False
        self._back_off = BackOff(FIRST_BACKOFF_S, LAST_BACKOFF_S)
        self._probes = BackOff(FIRST_PROBE_S, LAST_PROBE_S)
        self._wake = asyncio.Event()
        self._state_log = StateLog(log, "Printer in Prusa Connect")
        self._tasks = TaskOwner("printer-reporter")
        link.on_open = self._opened

    async def start(self) -> None:
        """Begin to tell."""
        await self._link.start()
        self._tasks.start("report", self._run())

    async def aclose(self) -> None:
        """Stop; what is under way is abandoned. Idempotent."""
        await self._tasks.aclose()
        await self._link.aclose()

    def tell(self, event: Event) -> None:
        """Send ``event`` as soon as all before it are sent."""
        is_away = self.contact is not Contact.ONLINE
        self.outbox.put(event, self._clock.wall_s(), is_away=is_away)
        if self.outbox.has_lost_files:
            self.outbox.has_lost_files = False
            self._info_wanted = True
        self._wake.set()

    def introduce(self) -> None:
        """Send INFO soon, and then all of the telemetry."""
        self._info_wanted = True
        self._wake.set()

    def wake(self) -> None:
        """Look again at what is due: the printer has changed."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._step()
            except PrusaConnectError as error:
                await self._wait_after(error)
            except Exception:  # a bug must not silence the printer for ever
                log.exception("telling Prusa Connect failed")
                await self._pause(BUG_WAIT_S)

    async def _step(self) -> None:
        await self._link.open()  # whoever is reached anew needs INFO first
        now_s = self._clock.monotonic_s()
        due_s = self._planner.due_s(is_active=self._is_active())
        info_s = self._info_from_s if self._info_wanted else None
        is_late = due_s is not None and now_s - due_s >= LATE_S
        if self._info_needed and not self._telemetry_first:
            await self._send_info()
        elif self._telemetry_first or is_late:
            await self._send_telemetry()
        elif info_s is not None and info_s <= now_s:
            await self._send_info()
        elif self.outbox.first is not None:
            await self._send_event()
        elif due_s is None or due_s <= now_s:
            await self._send_telemetry()
        else:
            self._wake.clear()
            until_s = due_s if info_s is None else min(due_s, info_s)
            await self._clock.wait(self._wake, until_s)

    def _opened(self) -> None:
        """Whoever listens now knows nothing of us."""
        self._info_needed = True

    async def _send_info(self) -> None:
        # Whatever changes from here on is for the next one.
        was_needed, self._info_needed = self._info_needed, False
        was_wanted, self._info_wanted = self._info_wanted, False
        try:
            event = await self._info(self._info_is_small)
            await self._link.send_event(event, self._clock.wall_s())
        except BaseException as error:
            self._info_needed |= was_needed
            self._info_wanted |= was_wanted
            if not isinstance(error, SnapshotRejected) or self._info_is_small:
                raise
            # Too long a list of files must not keep the printer out.
            log.warning("Prusa Connect did not take INFO (%s); without files", error)
            self._info_is_small = True
            return
        self._info_needed = False
        self._info_from_s = self._clock.monotonic_s() + INFO_GAP_S
        self.sent["info"] += 1
        self._planner.refresh()
        self._answered()

    async def _send_event(self) -> None:
        letter = self.outbox.first
        if letter is None:
            return
        try:
            await self._link.send_event(letter.event, letter.at_s)
        except SnapshotRejected as error:
            self._refused(str(error))
        except ConnectUnavailable as error:
            if error.status is None:
                raise
            # It may be this event that breaks the server: telemetry will tell.
            self._failed_events += 1
            if self._failed_events < MOST_TRIES:
                self._telemetry_first = True
                raise
            self._refused(str(error))
        else:
            self.sent["events"] += 1
        self._failed_events = 0
        self.outbox.sent(letter)
        self._answered()

    async def _send_telemetry(self) -> None:
        current = self._telemetry()
        now_s = self._clock.monotonic_s()
        planned = self._planner.plan(current, now_s)
        was_full = planned == current
        self._telemetry_first = False
        try:
            await self._link.send_telemetry(planned)
        except PrusaConnectError as error:
            # An outage is no event's fault.
            self._failed_events = 0
            if error.status == NEEDS_INFO:
                self._info_needed = True
            raise
        self._planner.delivered(current, now_s, was_full=was_full)
        self.sent["telemetry"] += 1
        self._back_off.reset()
        self._probes.reset()
        self._answered()
        self._contact_is(Contact.ONLINE, "")

    def _refused(self, reason: str) -> None:
        """Go on without an event that is not taken."""
        self.sent["refused"] += 1
        log.warning("Prusa Connect did not take an event: %s", reason)

    def _answered(self) -> None:
        self.last_s = self._clock.wall_s()

    async def _wait_after(self, error: PrusaConnectError) -> None:
        self._planner.refresh()
        if isinstance(error, TokenRejected):
            self._contact_is(Contact.REFUSED, str(error))
            await self._pause(self._probes.next_s())
            return
        self._contact_is(Contact.OFFLINE, str(error))
        wait_s = self._back_off.next_s()
        if isinstance(error, ConnectUnavailable) and error.retry_after_s:
            wait_s = max(wait_s, min(error.retry_after_s, MAX_RETRY_AFTER_S))
        await self._pause(wait_s)

    async def _pause(self, wait_s: float) -> None:
        """Wait, whatever happens in the meantime."""
        until_s = self._clock.monotonic_s() + wait_s
        await self._clock.wait(asyncio.Event(), until_s)

    def _contact_is(self, contact: Contact, reason: str) -> None:
        changed = (contact, reason) != (self.contact, self.reason)
        self.contact, self.reason = contact, reason
        level = logging.INFO if contact is Contact.ONLINE else logging.WARNING
        self._state_log.report(reason or str(contact), level)
        if changed:
            self._on_contact()
