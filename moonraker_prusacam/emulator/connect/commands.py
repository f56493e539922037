# Commands of the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a printer is to do: one command at a time, until it has told how that ended.

Source of the life cycle: printer SDK 0.8.1. A command is ACCEPTED or REJECTED; an
accepted one ends FINISHED, FAILED, REJECTED, or with the event that it asked for. The
same id again has the last answer sent again, another id meanwhile is REJECTED, and
RESET_PRINTER is done at once. That a command without an answer is sent again, and after
how long, is a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GCODE = "GCODE"
PRIORITY = "RESET_PRINTER"
MAX_COMMANDS = 1000


@attrs.frozen(kw_only=True)
class LocalEvent:
    """An event that a printer told, ``at_s`` of CLOCK_MONOTONIC."""

    at_s: float
    kind: str
    source: str
    data: Mapping[str, Any]
    state: str | None = None
    command_id: int | None = None
    job_id: int | None = None
    transfer_id: int | None = None
    reason: str | None = None
    dialog_id: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The event as JSON values; what it did not say is left out."""
        told = attrs.asdict(self, recurse=False)
        return {name: value for name, value in told.items() if value is not None}


@attrs.frozen(kw_only=True)
class Spoilt:
    """What is sent in a command's place: headers of the answer and its body.

    Over a WebSocket the body alone, as a text message.
    """

    body: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.define(eq=False, kw_only=True)
class LocalCommand:
    """A command and what became of it."""

    id: int
    name: str
    args: list[Any] = attrs.field(factory=list)
    kwargs: dict[str, Any] = attrs.field(factory=dict)
    gcode: str | None = None
    force: bool = False
    overtakes: bool = False
    spoilt: Spoilt | None = None
    sent_s: list[float] = attrs.field(factory=list)
    answers: list[LocalEvent] = attrs.field(factory=list)
    is_due_again: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the printer has said that it begins."""
        return any(answer.kind == "ACCEPTED" for answer in self.answers)

    @property
    def outcome(self) -> LocalEvent | None:
        """The answer that ended it, None before."""
        ends = (answer for answer in self.answers if answer.kind != "ACCEPTED")
        return next(ends, None)

    @property
    def state(self) -> str:
        """waiting, sent, accepted, or the name of the event that ended it."""
        if self.outcome is not None:
            return self.outcome.kind
        if self.accepted:
            return "accepted"
        return "sent" if self.sent_s else "waiting"

    def as_json(self) -> dict[str, Any]:
        """The command and its answers as JSON values."""
        return {
            "id": self.id,
            "command": self.name,
            "args": self.args,
            "kwargs": self.kwargs,
            "gcode": self.gcode,
            "force": self.force,
            "state": self.state,
            "sent_s": self.sent_s,
            "answers": [answer.as_json() for answer in self.answers],
        }


class Commands:
    """One printer's commands, oldest first; ``on_change`` when one may be due."""

    def __init__(self) -> None:
        self.all: list[LocalCommand] = []
        self.violations: list[str] = []
        self.on_change: list[Callable[[], None]] = []
        self._last_id = 0

    def add(
        self,
        name: str = GCODE,
        args: list[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        *,
        gcode: str | None = None,
        force: bool = False,
        overtakes: bool = False,
        spoilt: Spoilt | None = None,
        command_id: int | None = None,
    ) -> LocalCommand:
        """Queue a command; ``overtakes``: not to wait for the end of others."""
        self._last_id = self._last_id + 1 if command_id is None else command_id
        command = LocalCommand(
            id=self._last_id,
            name=name,
            args=list(args or []),
            kwargs=dict(kwargs or {}),
            gcode=gcode,
            force=force,
            overtakes=overtakes or name == PRIORITY,
            spoilt=spoilt,
        )
        self.all.append(command)
        del self.all[:-MAX_COMMANDS]
        self._changed()
        return command

    def repeat(self, command: LocalCommand) -> None:
        """Send it once more with the same id, whatever became of it."""
        command.is_due_again = True
        self._changed()

    def due(self, now_s: float, resend_after_s: float) -> LocalCommand | None:
        """The command to be sent now, which counts as sent; None for none."""
        for command in self.all:
            if self._is_due(command, now_s, resend_after_s):
                command.is_due_again = False
                command.sent_s.append(now_s)
                return command
        return None

    def lost(self) -> None:
        """What had no answer when a connection ended is due again."""
        for command in self.all:
            if command.state == "sent" and command.spoilt is None:
                command.is_due_again = True

    def find(self, command_id: int) -> LocalCommand | None:
        """The newest command of that number."""
        for command in reversed(self.all):
            if command.id == command_id:
                return command
        return None

    def answer(self, event: LocalEvent) -> bool:
        """Whether ``event`` answers a command that was sent; its life is judged."""
        command = self.find(event.command_id or 0)
        if command is None or not command.sent_s:
            return False
        for complaint in self._complaints(command, event):
            self.violations.append(f"{command.id} {command.name}: {complaint}")
        del self.violations[:-MAX_COMMANDS]
        command.answers.append(event)
        self._changed()
        return True

    def _is_due(
        self, command: LocalCommand, now_s: float, resend_after_s: float
    ) -> bool:
        if command.is_due_again:
            return True
        if command.state == "waiting":
            return command.overtakes or self._is_next(command)
        late = command.state == "sent" and now_s - command.sent_s[-1] >= resend_after_s
        return late and command.spoilt is None

    def _is_next(self, command: LocalCommand) -> bool:
        """Whether all before it have ended; of a spoilt one no end is expected."""
        before = self.all[: self.all.index(command)]
        return all(each.outcome or (each.spoilt and each.sent_s) for each in before)

    def _complaints(self, command: LocalCommand, event: LocalEvent) -> list[str]:
        """What a good printer would not have told."""
        kinds = [answer.kind for answer in command.answers]
        ends = [kind for kind in kinds if kind != "ACCEPTED"]
        found = []
        if event.kind == "ACCEPTED":
            if kinds.count("ACCEPTED") >= len(command.sent_s):
                found.append("ACCEPTED more often than it was sent")
            if ends:
                found.append(f"ACCEPTED after {ends[0]}")
            busy = self._running(command)
            if busy is not None and not kinds and command.name != PRIORITY:
                found.append(f"ACCEPTED while {busy.id} {busy.name} ran")
            return found
        if not command.accepted and event.kind != "REJECTED":
            found.append(f"{event.kind} without ACCEPTED")
        if len(ends) >= len(command.sent_s):
            found.append(f"{event.kind} after {ends[-1]} without being asked again")
        elif ends and event.kind not in (ends[0], _repeated(ends[0])):
            found.append(f"{event.kind} to its repetition, after {ends[0]}")
        if event.kind in ("REJECTED", "FAILED") and not ends and not event.reason:
            found.append(f"{event.kind} without a reason")
        return found

    def _running(self, but: LocalCommand) -> LocalCommand | None:
        for command in self.all:
            if command is not but and command.accepted and command.outcome is None:
                return command
        return None

    def _changed(self) -> None:
        for listener in self.on_change:
            listener()


def _repeated(kind: str) -> str:
    """What the printer SDK answers again where a command ended with ``kind``."""
    return kind if kind in ("REJECTED", "FAILED") else "FINISHED"
