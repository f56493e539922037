# Tests of the printer's events.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of ``job.event`` come from another process: good, odd and hostile."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.errors import RpcError
from moonraker_prusacam.print_job import (
    MAX_FILENAME_CHARACTERS,
    PrintEvent,
    PrintEventKind,
    PrintState,
    parse_print_event,
)

STATE = {
    "state": "printing",
    "filename": "a.gcode",
    "total_duration_s": 12.5,
    "print_duration_s": 10.0,
    "layer": 3,
    "total_layers": 20,
    "message": "",
}


def event(**changes: Any) -> dict[str, Any]:
    return {"event": "layer", "print": STATE, "monotonic_ns": 5, **changes}


def state(**changes: Any) -> dict[str, Any]:
    return event(print={**STATE, **changes})


def test_event_when_complete_then_parsed() -> None:
    assert parse_print_event(event()) == PrintEvent(
        PrintEventKind.LAYER, PrintState("printing", "a.gcode", 12.5, 3, 20, 10.0), 5
    )


def test_event_when_facts_of_the_file_are_odd_then_only_sound_ones_are_kept() -> None:
    facts = {
        "slicer": "x" * 5000,
        "layer_count": 20,
        "estimated_time": float("inf"),
        "thumbnails": [],
        "filament_total": None,
    }
    told = parse_print_event(event(file=facts)).print
    assert told is not None
    assert told.file == {"slicer": "x" * 200, "layer_count": 20}
    odds: tuple[Any, ...] = (None, [], "text", 5, {})
    for odd in odds:
        told = parse_print_event(event(file=odd)).print
        assert told is not None
        assert told.file == {}


@pytest.mark.parametrize("kind", PrintEventKind)
def test_event_when_of_any_kind_then_parsed(kind: PrintEventKind) -> None:
    assert parse_print_event(event(event=str(kind), print=None)).kind is kind


def test_event_when_klipper_is_not_ready_then_no_print() -> None:
    assert parse_print_event(event(print=None)).print is None
    assert parse_print_event({"event": "sync", "monotonic_ns": 1}).print is None


def test_state_when_little_is_known_then_defaults() -> None:
    parsed = parse_print_event(event(print={"state": "standby"})).print
    assert parsed == PrintState("standby", "", 0.0, None, None)
    nothing = dict.fromkeys(STATE, None) | {"state": "standby"}
    assert parse_print_event(event(print=nothing)).print == parsed


@pytest.mark.parametrize(
    ("name", "active"),
    [("printing", True), ("paused", True), ("complete", False), ("", False)],
)
def test_state_when_named_then_active_or_not(name: str, active: bool) -> None:
    parsed = parse_print_event(state(state=name)).print
    assert parsed is not None
    assert parsed.is_active is active


def test_filename_when_endless_then_cut() -> None:
    parsed = parse_print_event(state(filename="x" * 1_000_000)).print
    assert parsed is not None
    assert len(parsed.filename) == MAX_FILENAME_CHARACTERS


BAD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no event": {"monotonic_ns": 1},
    "no time": {"event": "sync"},
    "unknown event": event(event="explode"),
    "event of no text": event(event=[]),
    "event null": event(event=None),
    "time of text": event(monotonic_ns="soon"),
    "time null": event(monotonic_ns=None),
    "time not finite": event(monotonic_ns=float("inf")),
    "time not a number": event(monotonic_ns=float("nan")),
    "print of text": event(print="printing"),
    "print of a list": event(print=[1]),
    "print of a number": event(print=7),
    "no state": event(print={}),
    "duration of text": state(total_duration_s="long"),
    "duration of a list": state(total_duration_s=[1]),
    "duration not a number": state(total_duration_s=float("nan")),
    "duration not finite": state(total_duration_s=float("inf")),
    "layer of text": state(layer="three"),
    "layer of a dict": state(layer={}),
    "layer not finite": state(layer=float("inf")),
    "huge text": event(event="x" * 1_000_000),
}


@pytest.mark.parametrize("params", BAD.values(), ids=BAD)
def test_event_when_unfit_then_refused_with_a_short_reason(
    params: dict[str, Any],
) -> None:
    with pytest.raises(RpcError, match=r"^job\.event: ") as caught:
        parse_print_event(params)
    assert caught.value.http_status == 400
    assert len(str(caught.value)) < 300


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*STATE, "x"]), inner, max_size=4)
    ),
    max_leaves=6,
)


@given(VALUES, VALUES, VALUES)
def test_event_when_of_any_json_then_event_or_rpcerror(
    kind: Any, print_: Any, stamp: Any
) -> None:
    params = event(event=kind, print=print_, monotonic_ns=stamp)
    try:
        parsed = parse_print_event(json.loads(json.dumps(params)))
    except RpcError:
        return
    assert isinstance(parsed.monotonic_ns, int)
