# Tests of how often a place may write to the log.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A night of one trouble costs a few lines; nothing that is new is left out."""

from __future__ import annotations

import logging

from moonraker_prusacam.log_limit import BURST, MAX_PLACES, REFILL_S, LogLimit

HOUR_S = 3600.0


class Limited:
    """A limit with its own clock, and what passes it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.limit = LogLimit(lambda: self.now_s)
        self.lines: list[str] = []

    def say(
        self,
        text: str,
        level: int = logging.WARNING,
        line: int = 1,
        subject: str | None = None,
    ) -> bool:
        record = logging.LogRecord("test", level, "", line, "%s", (text,), None)
        if subject is not None:
            record.subject = subject
        passes = bool(self.limit.filter(record))
        if passes:
            self.lines.append(record.getMessage())
        return passes


def test_limit_when_a_place_says_little_then_all_of_it() -> None:
    it = Limited()
    for number in range(BURST - 1):
        it.say(f"line {number}")
    assert it.lines == [f"line {number}" for number in range(BURST - 1)]


def test_limit_when_a_place_never_stops_then_few_lines_and_all_counted() -> None:
    it = Limited()
    attempts = 10_000
    for number in range(attempts):
        it.now_s = number * 5.0
        it.say("gone")
    hours = attempts * 5.0 / HOUR_S
    assert len(it.lines) <= BURST + hours * HOUR_S / REFILL_S + 1
    assert it.lines[BURST - 1] != "gone"  # it tells that it will count
    counted = sum(
        int(line.partition("after ")[2].split()[0])
        for line in it.lines
        if "after" in line
    )
    last = attempts - 1 - (counted + len(it.lines) - 1)
    assert 0 <= last <= REFILL_S / 5.0  # those of the last minutes are yet to be told


def test_limit_when_one_place_is_used_up_then_others_are_not() -> None:
    it = Limited()
    for _ in range(2 * BURST):
        it.say("gone", subject="Camera front")
    assert not it.say("gone", subject="Camera front")
    assert it.say("gone", subject="Camera bed")
    assert it.say("gone", line=2)
    # A camera that flaps at INFO does not swallow the warning that it failed.
    assert it.say("failed", logging.ERROR, subject="Camera front")


def test_limit_when_it_was_quiet_then_a_burst_again() -> None:
    it = Limited()
    for _ in range(2 * BURST):
        it.say("gone")
    it.now_s = REFILL_S * BURST
    before = len(it.lines)
    for _ in range(BURST):
        it.say("gone")
    assert len(it.lines) == before + BURST
    assert it.lines[before] == f"gone (after {BURST} like it that were left out)"


def test_limit_when_for_debugging_then_no_limit() -> None:
    it = Limited()
    for _ in range(10 * BURST):
        assert it.say("detail", logging.DEBUG)


def test_limit_when_there_are_ever_new_things_then_bounded_memory() -> None:
    it = Limited()
    for number in range(5 * MAX_PLACES):
        it.now_s = float(number)
        assert it.say("done", subject=f"job {number}")
    assert len(it.limit._places) <= MAX_PLACES
