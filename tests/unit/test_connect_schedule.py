# Tests of when snapshots are due.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schemes, gaps, back-off, prints and the hourly limit, on a clock of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.connect.schedule import (
    FIRST_PROBE_S,
    LAST_BACKOFF_S,
    LAST_PROBE_S,
    MIN_GAP_S,
    PERIOD_S,
    Schedule,
)
from moonraker_prusacam.connect_options import UploadWhen
from moonraker_prusacam.errors import (
    ConnectUnavailable,
    FrameUnavailable,
    SnapshotTooLarge,
    SnapshotUnfit,
    TokenRejected,
)

if TYPE_CHECKING:
    from moonraker_prusacam.errors import PrusacamError

ALWAYS = UploadWhen()
START_S = 100.0


def schedule(scheme: str = "THIRTY_SEC", when: str = "always", **more: Any) -> Schedule:
    return Schedule(scheme, UploadWhen.parse(when), START_S, **more)


def send(it: Schedule, now_s: float, size_bytes: int = 1000) -> None:
    it.sending()
    it.attempted(now_s, size_bytes)
    it.accepted()


def fail(it: Schedule, now_s: float, error: PrusacamError) -> None:
    it.sending()
    it.attempted(now_s, 0)
    it.failed(error, now_s)


@pytest.mark.parametrize("scheme", PERIOD_S)
def test_period_then_the_first_is_soon_and_the_next_after_it(scheme: str) -> None:
    it = schedule(scheme)
    # An engine that was killed may have sent one a moment ago.
    assert it.due_s(START_S) == START_S + MIN_GAP_S
    send(it, 200.0)
    assert it.due_s(201.0) == 200.0 + PERIOD_S[scheme]


@pytest.mark.parametrize("scheme", ["EACH_LAYER", "FIFTH_LAYER", "GCODE", "MANUAL"])
def test_scheme_when_nothing_triggers_then_nothing_is_due(scheme: str) -> None:
    assert schedule(scheme).due_s(START_S + 1e6) is None


def test_restart_when_the_last_upload_is_known_then_the_schedule_goes_on() -> None:
    assert schedule("TEN_MIN", last_s=50.0).due_s(START_S) == 650.0
    assert schedule("MANUAL", last_s=50.0).due_s(START_S) is None
    # A moment that is yet to come is none of ours.
    assert schedule("TEN_SEC", last_s=5000.0).due_s(START_S) == START_S + 10.0


def test_layers_when_each_or_every_fifth_is_wanted_then_those_are_due() -> None:
    for scheme, wanted in (("EACH_LAYER", [1, 2, 3, 4, 5, 6]), ("FIFTH_LAYER", [1, 6])):
        it, due = schedule(scheme), []
        for layer in range(7):
            now_s = 200.0 + 100 * layer
            it.layer_changed(layer)
            it.layer_changed(layer)
            if it.due_s(now_s) is not None:
                due.append(layer)
                send(it, now_s)
        assert due == wanted


def test_layer_when_it_comes_during_an_upload_then_another_follows() -> None:
    it = schedule("EACH_LAYER")
    it.layer_changed(1)
    it.sending()
    it.layer_changed(2)
    it.attempted(200.0, 10)
    it.accepted()
    assert it.due_s(200.0) == 200.0 + MIN_GAP_S


def test_print_when_it_ended_then_one_more_is_due_with_every_scheme() -> None:
    for scheme in ("MANUAL", "TEN_MIN", "EACH_LAYER"):
        it = schedule(scheme)
        send(it, 200.0)
        it.print_ended()
        assert it.due_s(205.0) == 200.0 + MIN_GAP_S


def test_outages_then_back_off_doubles_with_jitter_and_ends_at_five_minutes() -> None:
    it, now_s, waits = schedule(), 200.0, []
    for _ in range(8):
        fail(it, now_s, ConnectUnavailable("down", status=503))
        due_s = it.due_s(now_s)
        assert due_s is not None
        waits.append(due_s - now_s)
        now_s = due_s
    for number, wait_s in enumerate(waits):
        expected_s = min(10.0 * 2**number, LAST_BACKOFF_S)
        assert max(MIN_GAP_S, 0.8 * expected_s) <= wait_s <= 1.2 * expected_s
    send(it, now_s)
    fail(it, now_s + 30, ConnectUnavailable("down"))
    due_s = it.due_s(now_s + 30)
    assert due_s is not None
    assert due_s - now_s - 30 <= 12.0


def test_faults_of_the_user_then_probes_are_five_to_thirty_minutes_apart() -> None:
    it, now_s = schedule(), 200.0
    for number in range(5):
        fail(it, now_s, TokenRejected("no", status=401))
        due_s = it.due_s(now_s)
        assert due_s is not None
        expected_s = min(FIRST_PROBE_S * 2**number, LAST_PROBE_S)
        assert 0.8 * expected_s <= due_s - now_s <= 1.2 * expected_s
        now_s = due_s


@pytest.mark.parametrize(
    ("retry_after_s", "least_s", "most_s"),
    [(0.0, 10.0, 12.0), (120.0, 120.0, 120.0), (86400.0, 3600.0, 3600.0)],
)
def test_retry_after_then_it_is_honoured_within_reason(
    retry_after_s: float, least_s: float, most_s: float
) -> None:
    it = schedule()
    error = ConnectUnavailable("busy", status=429, retry_after_s=retry_after_s)
    fail(it, 200.0, error)
    due_s = it.due_s(200.0)
    assert due_s is not None
    assert least_s <= due_s - 200.0 <= most_s


def test_ask_when_a_fault_was_found_then_it_is_tried_after_the_gap() -> None:
    it = schedule("MANUAL")
    fail(it, 200.0, TokenRejected("no", status=403))
    it.layer_changed(1)
    it.ask()
    assert it.due_s(200.0) == 200.0 + MIN_GAP_S


def test_too_large_then_the_next_one_goes_after_the_gap() -> None:
    it = schedule("MANUAL")
    fail(it, 200.0, SnapshotTooLarge("413", status=413))
    assert it.due_s(200.0) == 200.0 + MIN_GAP_S


def test_camera_when_it_has_nothing_then_a_period_or_a_while_is_waited() -> None:
    for scheme, wait_s in (("TEN_SEC", 10.0), ("TEN_MIN", 10.0)):
        it = schedule(scheme)
        it.sending()
        it.failed(FrameUnavailable("gone"), 200.0)
        assert it.due_s(200.0) == 200.0 + wait_s


def test_camera_when_it_fails_at_a_layer_then_it_is_tried_a_few_times() -> None:
    it, now_s = schedule("EACH_LAYER"), 200.0
    it.layer_changed(1)
    for _ in range(4):
        due_s = it.due_s(now_s)
        assert due_s is not None
        now_s = due_s
        it.sending()
        it.failed(SnapshotUnfit("frozen"), now_s)
    assert it.due_s(now_s) is None
    it.layer_changed(2)
    assert it.due_s(now_s) is not None


def test_upload_when_printing_then_periods_wait_for_prints_and_their_tail() -> None:
    it = schedule("TEN_SEC", "printing+5 min")
    assert it.due_s(1000.0) is None
    it.print_changed(is_active=True, now_s=1000.0)
    assert it.due_s(1000.0) is not None
    send(it, 1000.0)
    it.print_changed(is_active=False, now_s=1005.0)
    it.print_changed(is_active=False, now_s=1200.0)
    assert it.due_s(1200.0) == 1200.0
    send(it, 1299.0)
    assert it.due_s(1299.0) is None  # 1309 is past the tail
    it.ask()
    assert it.due_s(1400.0) == 1400.0


def test_upload_when_printing_then_failed_ones_are_tried_after_it() -> None:
    it = schedule("TEN_SEC", "printing")
    it.print_changed(is_active=True, now_s=150.0)
    fail(it, 200.0, ConnectUnavailable("down"))
    it.print_changed(is_active=False, now_s=201.0)
    assert it.due_s(201.0) is not None


def test_hourly_limit_when_it_is_used_up_then_the_oldest_has_to_age() -> None:
    it = schedule("TEN_SEC", max_bytes_per_hour=3000)
    for number in range(3):
        send(it, 200.0 + 10 * number)
    assert it.bytes_in_hour(230.0) == 3000
    assert it.is_over_budget(230.0)
    assert it.due_s(230.0) == 3800.0
    it.ask()
    assert it.due_s(230.0) == 3800.0
    send(it, 3800.0)
    assert it.due_s(3800.0) == 3810.0
    assert it.bytes_in_hour(8000.0) == 0


def test_bytes_in_hour_when_there_is_no_limit_then_counted_all_the_same() -> None:
    it = schedule("TEN_SEC")
    for number in range(3):
        send(it, 200.0 + 10 * number)
    assert it.bytes_in_hour(230.0) == 3000
    send(it, 3900.0)
    assert it.bytes_in_hour(3900.0) == 1000


def test_hourly_limit_when_one_is_larger_than_all_of_it_then_one_an_hour_goes() -> None:
    it = schedule("TEN_SEC", max_bytes_per_hour=500)
    send(it, 200.0)
    assert it.due_s(200.0) == 3800.0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["ok", "down", "fault", "large", "frame", "layer", "ask", "end", "wait"]
            ),
            st.floats(0, 700),
        ),
        max_size=60,
    ),
    st.sampled_from(["TEN_SEC", "TEN_MIN", "EACH_LAYER", "MANUAL"]),
)
def test_attempts_then_they_are_never_closer_than_the_gap(
    happenings: list[tuple[str, float]], scheme: str
) -> None:
    it, now_s, layer, before_s = schedule(scheme), START_S, 0, START_S
    errors: dict[str, PrusacamError] = {
        "down": ConnectUnavailable("x"),
        "fault": TokenRejected("x"),
        "large": SnapshotTooLarge("x"),
    }
    for what, passed_s in happenings:
        now_s += passed_s
        if what == "layer":
            layer += 1
            it.layer_changed(layer)
        elif what == "ask":
            it.ask()
        elif what == "end":
            it.print_ended()
        due_s = it.due_s(now_s)
        if due_s is None or due_s > now_s:
            continue
        assert now_s >= before_s + MIN_GAP_S
        it.sending()
        if what == "frame":
            it.failed(FrameUnavailable("x"), now_s)
            continue
        it.attempted(now_s, 10)
        before_s = now_s
        if what in errors:
            it.failed(errors[what], now_s)
        else:
            it.accepted()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("always", "always"),
        ("Printing", "printing"),
        ("printing+10 min", "printing+10 min"),
        ("printing + 3m", "printing+3 min"),
        ("printing+0 min", "printing"),
    ],
)
def test_upload_when_then_it_is_read_and_shown(written: str, shown: str) -> None:
    assert str(UploadWhen.parse(written)) == shown


@pytest.mark.parametrize(
    "written", ["", "never", "printing+", "printing+x min", "10 min"]
)
def test_upload_when_it_is_odd_then_the_error_says_what_there_is(written: str) -> None:
    with pytest.raises(ValueError, match="printing\\+10 min"):
        UploadWhen.parse(written)


@pytest.mark.parametrize("scheme", ["TEN_SEC", "EACH_LAYER", "MANUAL"])
def test_interval_when_a_person_chose_one_then_it_counts_instead(scheme: str) -> None:
    it = schedule(scheme)
    it.interval_s = 45.0
    send(it, 200.0)
    assert it.due_s(200.0) == 245.0
    it.layer_changed(1)
    assert it.due_s(200.0) == 245.0
    it.interval_s = None
    assert it.due_s(200.0) == (210.0 if scheme == "TEN_SEC" else None)


def test_pause_then_only_what_is_asked_for_is_sent() -> None:
    it = schedule("TEN_SEC")
    send(it, 200.0)
    fail(it, 210.0, ConnectUnavailable("no"))
    it.is_paused = True
    it.print_ended()
    assert it.due_s(300.0) is None
    it.ask()
    assert it.due_s(300.0) == 300.0
    send(it, 300.0)
    assert it.due_s(400.0) is None
    it.is_paused = False
    assert it.due_s(400.0) is not None
