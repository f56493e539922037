# The life of a command.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes commands, has one done at a time, and answers each exactly as it ended.

ACCEPTED at once; then FINISHED, or the event that was asked for; REJECTED with the
reason where it is not done, FAILED where it went wrong. Source of the rules: Prusa's
printer SDK 0.8.1. Unlike there, a RESET_PRINTER that comes again is not done again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING
from weakref import WeakSet

from moonraker_prusacam.errors import CommandRejected, PrinterError, PrusaConnectError
from moonraker_prusacam.tasks import TaskOwner

from .messages import Event, EventKind, Source
from .wire import Unreadable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .answers import AnswerBook
    from .messages import Command, Outcome

log = logging.getLogger(__name__)

RESET = "RESET_PRINTER"
BUSY = "Another command is running"
OUTRUN = "Interrupted by RESET_PRINTER"
# Loading a filament by hand may take long; something that hangs must end some day.
COMMAND_TIMEOUT_S = 1800.0
INTERRUPT_TIMEOUT_S = 1.0
# A print is stopped even if the disk hangs.
SAVE_TIMEOUT_S = 1.0
MAX_REASON = 300


class CommandDesk:
    """Where commands arrive; ``tell`` takes the answers."""

    def __init__(
        self,
        execute: Callable[[Command], Awaitable[Outcome]],
        tell: Callable[[Event], None],
        book: AnswerBook,
        *,
        timeout_s: float = COMMAND_TIMEOUT_S,
    ) -> None:
        self.done = 0
        self._execute = execute
        self._tell = tell
        self._book = book
        self._timeout_s = timeout_s
        self._running: Command | None = None
        self._work: asyncio.Task[None] | None = None
        self._outrun: WeakSet[asyncio.Task[None]] = WeakSet()
        self._tasks = TaskOwner("printer-commands")

    @property
    def running(self) -> Command | None:
        """What is being done."""
        return self._running

    def receive(self, command: Command | Unreadable) -> None:
        """Take what has come; never waits, never raises."""
        if isinstance(command, Unreadable):
            log.warning("Prusa Connect: %s", command.reason)
            self._answer(EventKind.REJECTED, command.id, command.reason)
            return
        running = self._running
        if running is not None and running.id == command.id:
            self._answer(EventKind.ACCEPTED, command.id)
        elif (answer := self._book.get(command.id)) is not None:
            self._tell(answer)
        elif running is None or (command.name == RESET and running.name != RESET):
            self._accept(command)
        else:
            self._answer(EventKind.REJECTED, command.id, BUSY)

    async def aclose(self) -> None:
        """Give up what is being done; the next engine answers it. Idempotent."""
        await self._tasks.aclose()
        if not self._book.is_saved:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SAVE_TIMEOUT_S):
                    await self._book.save()

    def _accept(self, command: Command) -> None:
        outrun, self._running = self._work, command
        self._answer(EventKind.ACCEPTED, command.id)
        self._work = self._tasks.start(command.name, self._do(command, outrun))

    async def _do(self, command: Command, outrun: asyncio.Task[None] | None) -> None:
        # What only asks can be asked again.
        is_kept = not command.name.startswith("SEND_")
        if outrun is not None and not outrun.done():
            self._outrun.add(outrun)
            outrun.cancel()
            await asyncio.wait([outrun], timeout=INTERRUPT_TIMEOUT_S)
        try:
            if is_kept:
                self._book.begin(command.id)
                save = self._tasks.start("save", self._book.save())
                await asyncio.wait([save], timeout=SAVE_TIMEOUT_S)
            answer = await self._outcome(command)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task in self._outrun:
                answer = _ended(EventKind.FAILED, command.id, OUTRUN)
            elif task is not None and task.cancelling():
                raise
            else:  # somebody cancelled what the command waited for
                answer = _ended(EventKind.FAILED, command.id, "Interrupted")
        self._book.end(answer, is_kept=is_kept)
        if self._running is command:
            self._running = self._work = None
        self.done += 1
        # Before what the command has begun tells anything by itself.
        self._tell(answer)
        if is_kept:
            await self._book.save()

    async def _outcome(self, command: Command) -> Event:
        try:
            async with asyncio.timeout(self._timeout_s):
                outcome = await self._execute(command)
        except CommandRejected as error:
            log.info("Printer: %s is refused: %s", command.name, error)
            return _ended(EventKind.REJECTED, command.id, str(error))
        except (PrinterError, PrusaConnectError) as error:
            log.info("Printer: %s failed: %s", command.name, error)
            return _ended(EventKind.FAILED, command.id, str(error))
        except TimeoutError:
            return _ended(EventKind.FAILED, command.id, "It did not end")
        except Exception:  # a bug must not leave Prusa Connect waiting
            log.exception("command %s of Prusa Connect failed", command.name)
            return _ended(EventKind.FAILED, command.id, "Internal error")
        return Event(
            kind=outcome.kind,
            source=outcome.source,
            data=outcome.data,
            command_id=command.id,
            job_id=outcome.job_id,
            transfer_id=outcome.transfer_id,
        )

    def _answer(
        self, kind: EventKind, command_id: int | None, reason: str = ""
    ) -> None:
        self._tell(_ended(kind, command_id, reason))


def _ended(kind: EventKind, command_id: int | None, reason: str) -> Event:
    return Event(
        kind=kind,
        source=Source.CONNECT,
        command_id=command_id,
        reason=reason[:MAX_REASON] or None,
    )
