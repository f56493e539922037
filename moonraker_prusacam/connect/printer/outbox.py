# Events on their way to Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bounded queue that survives an outage.

Answers to commands are kept. Of what only says how things are, the newest is enough
once nobody listens. When the queue is full the oldest event goes that is no answer, and
what it told is told by the next INFO.
"""

from __future__ import annotations

from collections import deque

import attrs

from .messages import Event, EventKind

MAX_EVENTS = 256
# Commands come one at a time, and only while somebody listens; this is for bad days.
MAX_ANSWERS = 64
NEWEST_IS_ENOUGH = frozenset(
    {
        EventKind.STATE_CHANGED,
        EventKind.JOB_INFO,
        EventKind.TRANSFER_INFO,
        EventKind.MEDIUM_EJECTED,
        EventKind.MEDIUM_INSERTED,
    }
)
MEDIUM = (EventKind.MEDIUM_EJECTED, EventKind.MEDIUM_INSERTED)


@attrs.frozen
class Letter:
    """An event, and the Unix time at which it happened."""

    event: Event
    at_s: float

    @property
    def is_answer(self) -> bool:
        """Whether a command waits for it."""
        return self.event.command_id is not None


class Outbox:
    """First in, first out; ``dropped`` counts what was lost."""

    def __init__(self) -> None:
        self.dropped = 0
        self.has_lost_files = False
        self._letters: deque[Letter] = deque()

    def __len__(self) -> int:
        return len(self._letters)

    @property
    def first(self) -> Letter | None:
        """What is to be sent next."""
        return self._letters[0] if self._letters else None

    def put(self, event: Event, at_s: float, *, is_away: bool) -> None:
        """Add ``event``; ``is_away``: nobody listens, so what it replaces can go."""
        letter = Letter(event, at_s)
        if is_away and event.kind in NEWEST_IS_ENOUGH and not letter.is_answer:
            self._letters = deque(
                other for other in self._letters if not _replaces(event, other)
            )
        self._letters.append(letter)
        self._keep_bounds()

    def sent(self, letter: Letter) -> None:
        """``letter`` has arrived, or never will."""
        if self._letters and self._letters[0] is letter:
            self._letters.popleft()
        elif letter in self._letters:
            self._letters.remove(letter)

    def clear(self) -> None:
        """Forget all; there is no printer any more to which it belongs."""
        self._letters.clear()
        self.has_lost_files = False

    def _keep_bounds(self) -> None:
        answers = sum(letter.is_answer for letter in self._letters)
        if answers > MAX_ANSWERS:
            self._drop(is_answer=True)
        if len(self._letters) > MAX_EVENTS:
            self._drop(is_answer=False)

    def _drop(self, *, is_answer: bool) -> None:
        for letter in self._letters:
            if letter.is_answer == is_answer:
                self._letters.remove(letter)
                self.dropped += 1
                self.has_lost_files |= not is_answer
                return


def _replaces(event: Event, other: Letter) -> bool:
    """Whether ``event`` says all that ``other`` still has to say."""
    if other.is_answer:
        return False
    if event.kind in MEDIUM:
        return other.event.kind in MEDIUM
    return (
        other.event.kind is event.kind and other.event.transfer_id == event.transfer_id
    )
