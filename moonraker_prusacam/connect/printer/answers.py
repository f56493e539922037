# What became of the last commands.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that can be given again, also by the next engine.

A command that comes again, because its answer was lost, must not be done again: it may
be a print that starts. So its id is on disk before it is begun.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeGuard

import attrs

from moonraker_prusacam.durable import write_file

from .messages import Event, EventKind, Source

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

MAX_ANSWERS = 16
MAX_FILE_BYTES = 64 << 10
MAX_REASON = 500
ENDS = frozenset({EventKind.FINISHED, EventKind.REJECTED, EventKind.FAILED})
INTERRUPTED = (
    "The engine was restarted while the command ran; it may have been done all the same"
)


class AnswerBook:
    """The newest answers by the id of their command, in a file that is bounded."""

    def __init__(self, path: Path) -> None:
        self.is_saved = True
        self._path = path
        self._answers: OrderedDict[int, Event] = OrderedDict()
        self._begun: int | None = None
        self._saving = asyncio.Lock()
        self._disk = threading.Lock()
        self._version = self._on_disk = 0

    def load(self) -> Event | None:
        """Read what the last engine wrote; the answer that it still owes. Blocks."""
        told = _parsed(self._path)
        listed = told.get("answers")
        for one in listed if isinstance(listed, list) else ():
            if (answer := _read(one)) is not None:
                self._keep(answer)
        begun = told.get("begun")
        if not _is_id(begun):
            return None
        owed = _answer(begun, EventKind.FAILED, INTERRUPTED)
        self._keep(owed)
        self._write(self._content(), self._version)
        return owed

    def get(self, command_id: int) -> Event | None:
        """The answer to that command, if it had one lately."""
        return self._answers.get(command_id)

    def begin(self, command_id: int) -> None:
        """A command with consequences is begun; ``save`` is to follow."""
        self._begun = command_id
        self.is_saved = False

    def end(self, answer: Event, *, is_kept: bool) -> None:
        """A command has ended so; ``save`` is to follow, if it ``is_kept``."""
        self.is_saved = self.is_saved and not is_kept
        for command_id, older in self._answers.items():
            # Thumbnails and lists of files are worth keeping once.
            self._answers[command_id] = _bare(older)
        self._keep(answer)
        if self._begun == answer.command_id:
            self._begun = None

    async def save(self) -> None:
        """Have what is known now on disk when it returns, or a warning in the log."""
        async with self._saving:
            self.is_saved = True  # what changes from here on is for the next one
            try:
                self._version += 1
                content = self._content()
                await asyncio.to_thread(self._write, content, self._version)
            except asyncio.CancelledError:
                self.is_saved = False
                raise

    def forget(self) -> None:
        """Ids begin anew with another registration. Blocks."""
        self._answers.clear()
        self._begun = None
        self._path.unlink(missing_ok=True)

    def _keep(self, answer: Event) -> None:
        if answer.command_id is None:
            return
        self._answers[answer.command_id] = answer
        self._answers.move_to_end(answer.command_id)
        while len(self._answers) > MAX_ANSWERS:
            self._answers.popitem(last=False)

    def _write(self, content: bytes, version: int) -> None:
        # A thread whose caller was cancelled may come late.
        with self._disk:
            if version < self._on_disk:
                return
            self._on_disk = version
            try:
                write_file(self._path, content, mode=0o600)
            except OSError as error:
                log.warning("answers to Prusa Connect cannot be kept: %s", error)

    def _content(self) -> bytes:
        told = [
            {
                "id": answer.command_id,
                "event": str(_bare(answer).kind),
                "reason": (answer.reason or "")[:MAX_REASON],
            }
            for answer in self._answers.values()
        ]
        return json.dumps({"begun": self._begun, "answers": told}).encode()


def _read(told: object) -> Event | None:
    """One answer of the file; None where it makes no sense."""
    if not isinstance(told, dict):
        return None
    identity, kind, reason = told.get("id"), told.get("event"), told.get("reason")
    if not _is_id(identity) or not isinstance(kind, str) or kind not in ENDS:
        return None
    text = reason if isinstance(reason, str) else ""
    return _answer(identity, EventKind(kind), text)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            told = json.loads(file.read(MAX_FILE_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _answer(command_id: int, kind: EventKind, reason: str) -> Event:
    return Event(
        kind=kind, source=Source.CONNECT, command_id=command_id, reason=reason or None
    )


def _bare(answer: Event) -> Event:
    """``answer`` without its data: that the command was done is what counts."""
    kind = answer.kind if answer.kind in ENDS else EventKind.FINISHED
    return attrs.evolve(answer, kind=kind, data={})


def _is_id(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
