# Tests of the queue of events.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept through an outage, what is replaced, and what goes when it is full."""

from __future__ import annotations

from typing import Any

from moonraker_prusacam.connect.printer.messages import Event, EventKind, Source, State
from moonraker_prusacam.connect.printer.outbox import MAX_ANSWERS, MAX_EVENTS, Outbox


def event(kind: EventKind = EventKind.STATE_CHANGED, **given: Any) -> Event:
    return Event(kind=kind, source=Source.FIRMWARE, **given)


def drained(outbox: Outbox) -> list[Event]:
    found = []
    while (letter := outbox.first) is not None:
        found.append(letter.event)
        outbox.sent(letter)
    return found


def test_events_when_somebody_listens_then_all_in_their_order() -> None:
    outbox = Outbox()
    told = [event(state=State.PRINTING), event(state=State.PAUSED), event(state=None)]
    for number, one in enumerate(told):
        outbox.put(one, float(number), is_away=False)
    assert outbox.first is not None
    assert outbox.first.at_s == 0.0
    assert drained(outbox) == told


def test_states_when_nobody_listens_then_the_newest_one_and_all_answers() -> None:
    outbox = Outbox()
    answer = event(EventKind.FINISHED, command_id=5)
    asked = event(state=State.PAUSED, command_id=6)
    newest = event(state=State.FINISHED)
    for one in (event(state=State.PRINTING), answer, asked, newest):
        outbox.put(one, 0.0, is_away=True)
    assert drained(outbox) == [answer, asked, newest]


def test_progress_when_nobody_listens_then_the_newest_of_each_transfer() -> None:
    outbox = Outbox()
    old, new, other = (
        event(EventKind.TRANSFER_INFO, transfer_id=identity, data={"done": done})
        for identity, done in ((1, 10), (1, 20), (2, 5))
    )
    end = event(EventKind.TRANSFER_FINISHED, transfer_id=1)
    for one in (old, new, other, end):
        outbox.put(one, 0.0, is_away=True)
    assert drained(outbox) == [new, other, end]


def test_medium_when_nobody_listens_then_as_it_is_now() -> None:
    outbox = Outbox()
    back = event(EventKind.MEDIUM_INSERTED)
    for one in (event(EventKind.MEDIUM_EJECTED), back):
        outbox.put(one, 0.0, is_away=True)
    assert drained(outbox) == [back]


def test_queue_when_full_then_the_oldest_goes_that_is_no_answer() -> None:
    outbox = Outbox()
    answer = event(EventKind.FINISHED, command_id=1)
    outbox.put(answer, 0.0, is_away=True)
    changes = [event(EventKind.FILE_CHANGED, data={"n": n}) for n in range(MAX_EVENTS)]
    for change in changes:
        outbox.put(change, 0.0, is_away=True)
    assert len(outbox) == MAX_EVENTS
    assert outbox.dropped == 1
    assert outbox.has_lost_files
    assert drained(outbox) == [answer, *changes[1:]]


def test_answers_when_there_are_too_many_then_bounded_as_well() -> None:
    outbox = Outbox()
    for number in range(MAX_ANSWERS + 10):
        outbox.put(event(EventKind.REJECTED, command_id=number), 0.0, is_away=True)
    assert len(outbox) == MAX_ANSWERS
    assert drained(outbox)[-1].command_id == MAX_ANSWERS + 9


def test_sent_when_it_was_replaced_meanwhile_then_the_new_one_stays() -> None:
    outbox = Outbox()
    outbox.put(event(state=State.PRINTING), 0.0, is_away=False)
    under_way = outbox.first
    assert under_way is not None
    newest = event(state=State.PAUSED)
    outbox.put(newest, 1.0, is_away=True)
    outbox.sent(under_way)
    assert drained(outbox) == [newest]
