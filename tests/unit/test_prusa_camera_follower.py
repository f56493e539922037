# Tests of what signals mean for a Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals as tables: what comes, and which recordings begin and end by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.boot import boot_id
from moonraker_prusacam.connect.prusa_camera.job import job_name
from moonraker_prusacam.print_follower import (
    Begin,
    Drop,
    End,
    Learn,
    PrintFollower,
)
from moonraker_prusacam.print_job import PrintEvent, PrintEventKind, PrintState
from moonraker_prusacam.signals import StartOptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moonraker_prusacam.print_follower import Step

S = 10**9


@attrs.frozen
class Record:
    """What a job knows of its print."""

    filename: str = "a.gcode"
    print_started_s: float | None = 100.0
    boot_id: str = ""


def event(
    kind: str, now_s: float, state: str | None = "printing", **known: Any
) -> PrintEvent:
    told = None
    if state is not None:
        told = PrintState(
            state=state,
            filename=known.get("filename", "a.gcode"),
            total_duration_s=known.get("total_s", now_s - 100.0),
            layer=known.get("layer"),
            total_layers=known.get("layers"),
        )
    return PrintEvent(PrintEventKind(kind), told, int(now_s * S))


def words(steps: Iterable[Step]) -> list[str]:
    """What is told, in short; what is learnt besides is left out."""
    told = []
    for step in steps:
        if isinstance(step, Begin):
            told.append(f"begin {step.filename}".strip())
        elif isinstance(step, End):
            told.append(step.outcome + (" asked" if step.is_asked else ""))
        elif isinstance(step, Drop):
            told.append("drop")
    return told


def follow(*events: PrintEvent, is_eager: bool = True) -> list[str]:
    follower = PrintFollower(is_eager=is_eager)
    return [word for each in events for word in words(follower.event(each))]


BEGUN = event("started", 100.2)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ((BEGUN, event("complete", 200, "complete")), ["begin a.gcode", "complete"]),
        ((BEGUN, event("cancelled", 200, "cancelled")), ["begin a.gcode", "cancelled"]),
        ((BEGUN, event("error", 200, "error")), ["begin a.gcode", "error"]),
        ((BEGUN, event("shutdown", 200, None)), ["begin a.gcode", "error"]),
        ((BEGUN, event("disconnected", 200, None)), ["begin a.gcode", "interrupted"]),
        (
            (BEGUN, event("disconnected", 160, None), event("sync", 165)),
            ["begin a.gcode", "interrupted", "begin a.gcode"],
        ),
        ((BEGUN, event("sync", 200, None)), ["begin a.gcode"]),
        ((BEGUN, event("sync", 200, "complete")), ["begin a.gcode", "complete"]),
        ((BEGUN, event("sync", 200, "standby")), ["begin a.gcode", "interrupted"]),
        ((BEGUN, event("finished", 200, "printing")), ["begin a.gcode"]),
        ((BEGUN, event("paused", 200, "paused")), ["begin a.gcode"]),
        ((event("layer", 150),), ["begin a.gcode"]),
        ((event("sync", 150, "paused"),), ["begin a.gcode"]),
        ((event("selected", 99, "standby"), BEGUN), ["begin a.gcode"]),
        # Told late: the print runs that was selected.
        ((BEGUN, event("selected", 100.3, "printing")), ["begin a.gcode"]),
        (
            (BEGUN, event("selected", 200, "standby")),
            ["begin a.gcode", "interrupted"],
        ),
        (
            (BEGUN, event("layer", 150, layer=9, layers=9), event("selected", 200)),
            ["begin a.gcode"],
        ),
        (
            (BEGUN, event("started", 300, total_s=0.1)),
            ["begin a.gcode", "interrupted", "begin a.gcode"],
        ),
        (
            (BEGUN, event("layer", 120, filename="b.gcode")),
            ["begin a.gcode", "interrupted", "begin b.gcode"],
        ),
        (
            (
                BEGUN,
                event("layer", 150, layer=9, layers=9),
                event("started", 300, total_s=0),
            ),
            ["begin a.gcode", "complete", "begin a.gcode"],
        ),
        ((event("complete", 200, "complete"),), []),
        ((event("started", 100, None),), []),
    ],
)
def test_signals_when_they_come_then_recordings_begin_and_end(
    events: tuple[PrintEvent, ...], told: list[str]
) -> None:
    assert follow(*events) == told


def test_signals_when_not_eager_then_nothing_begins() -> None:
    assert follow(BEGUN, event("complete", 200, "complete"), is_eager=False) == []


def test_facts_when_they_come_then_they_are_learnt_with_the_first_beginning() -> None:
    follower = PrintFollower(is_eager=True)
    list(follower.event(BEGUN))
    (learnt,) = follower.event(event("layer", 150, total_s=47.0, layers=7))
    assert isinstance(learnt, Learn)
    assert learnt.started_s == 100.0
    assert learnt.state.total_layers == 7


def options(asked_s: float, *, enable: bool = True) -> StartOptions:
    return StartOptions(enable, "auto", int(asked_s * S))


def test_macro_when_ahead_of_events_then_it_begins_and_they_fill_in() -> None:
    follower = PrintFollower(is_eager=True)
    assert words(follower.start(options(100.1))) == ["begin"]
    assert words(follower.event(BEGUN)) == []
    assert words(follower.event(event("complete", 200, "complete"))) == ["complete"]


def test_macro_when_the_end_of_the_print_before_comes_late_then_it_still_holds() -> (
    None
):
    follower = PrintFollower(is_eager=True)
    list(follower.event(BEGUN))
    assert words(follower.start(options(200.0))) == []
    late = event("complete", 199.9, "complete")
    assert words(follower.event(late)) == ["complete", "begin"]


def test_macro_when_it_says_no_then_until_the_print_is_over() -> None:
    follower = PrintFollower(is_eager=True)
    list(follower.event(BEGUN))
    assert words(follower.start(options(101, enable=False))) == ["drop"]
    assert words(follower.event(event("layer", 150))) == []
    assert words(follower.event(event("complete", 200, "complete"))) == []
    assert words(follower.event(event("started", 300, total_s=0))) == ["begin a.gcode"]


def test_macro_when_it_renders_then_the_rest_is_ignored() -> None:
    follower = PrintFollower(is_eager=True)
    assert words(follower.render()) == []
    list(follower.event(BEGUN))
    assert words(follower.render()) == ["complete asked"]
    assert words(follower.event(event("layer", 150))) == []
    assert words(follower.event(event("complete", 200, "complete"))) == []


@pytest.mark.parametrize(
    ("recorded", "last", "told"),
    [
        (Record(boot_id=boot_id()), None, []),
        (Record(boot_id="other"), None, ["interrupted", "begin a.gcode"]),
        (
            Record("b.gcode", boot_id=boot_id()),
            None,
            ["interrupted", "begin a.gcode"],
        ),
        (None, Record(boot_id=boot_id()), []),
        (None, Record(boot_id=boot_id(), print_started_s=None), ["begin a.gcode"]),
        (None, Record(boot_id="other"), ["begin a.gcode"]),
        (None, None, ["begin a.gcode"]),
    ],
)
def test_sync_when_an_engine_starts_then_it_goes_on_as_the_one_before(
    recorded: Record | None, last: Record | None, told: list[str]
) -> None:
    follower = PrintFollower(is_eager=True)
    follower.resume(recorded, last)
    assert words(follower.event(event("sync", 150))) == told


@pytest.mark.parametrize(
    ("filename", "stem"),
    [
        ("cube.gcode", "cube"),
        ("folder/My Cube (2).gcode", "My_Cube_2"),
        ("Über-großer Würfel.gcode", "Uber-groer_Wurfel"),
        ("../../etc/passwd", "passwd"),
        ("a\"b'c%d{e}\\f\n.gcode", "a_b_c_d_e_f"),
        ("", "print"),
        ("打印.gcode", "print"),
        ("...", "print"),
        ("x" * 300 + ".gcode", "x" * 40),
    ],
)
def test_job_name_when_made_of_a_file_then_safe_anywhere(
    filename: str, stem: str
) -> None:
    name = job_name(filename, 1_800_000_000.0, ())
    assert name.startswith(f"{stem}_20270115_")
    assert name.isascii()
    assert len(name) <= 56


def test_job_name_when_taken_then_another() -> None:
    first = job_name("a.gcode", 0.0, ())
    assert job_name("a.gcode", 0.0, {first}) == f"{first}_2"
    assert job_name("a.gcode", 0.0, {first, f"{first}_2"}) == f"{first}_3"
