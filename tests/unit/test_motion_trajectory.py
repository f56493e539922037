# Tests of the record of moves.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the head was: by the textbook, as told by a real Klipper, and after nonsense.

tests/data/motion.jsonl holds 147 s of a print on real Klipper, with a Linux
micro-controller: batches of moves as ``moves``, pushes of status as ``status``; ``t``
is when a line arrived, in seconds of CLOCK_MONOTONIC from some moment on.
"""

from __future__ import annotations

import itertools
import math
import random
import statistics
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonraker_prusacam.errors import KlippyDataError
from moonraker_prusacam.motion import Sample, trajectory
from moonraker_prusacam.motion.trajectory import KEEP_S, StatusTrack, Trajectory
from tests.support import printing
from tests.support.motion_recording import live_positions, read_recording

# 100 mm along x from rest to rest, at most 100 mm/s and 1000 mm/s²: 0.1 + 0.9 + 0.1 s.
MOVE = [
    [10.0, 0.1, 0.0, 1000.0, [0.0, 5.0, 1.0], [1.0, 0.0, 0.0]],
    [10.1, 0.9, 100.0, 0.0, [5.0, 5.0, 1.0], [1.0, 0.0, 0.0]],
    [11.0, 0.1, 100.0, -1000.0, [95.0, 5.0, 1.0], [1.0, 0.0, 0.0]],
]
BACK = [13.0, 2.0, 50.0, 0.0, [100.0, 5.0, 1.0], [-1.0, 0.0, 0.0]]


def known(*rows: object) -> Trajectory:
    found = Trajectory()
    found.add(rows)
    return found


@pytest.mark.parametrize(
    ("print_time", "x", "speed"),
    [
        (10.0, 0.0, 0.0),
        (10.05, 1.25, 50.0),
        (10.1, 5.0, 100.0),
        (10.5, 45.0, 100.0),
        (11.05, 98.75, 50.0),
        (11.1, 100.0, 0.0),
    ],
)
def test_at_when_head_moves_then_follows_the_textbook(
    print_time: float, x: float, speed: float
) -> None:
    sample = known(*MOVE).at(print_time)
    assert sample is not None
    assert sample.position == pytest.approx((x, 5.0, 1.0))
    assert sample.speed_mm_s == pytest.approx(speed)


def test_at_when_before_the_first_or_after_the_last_move_then_unknown() -> None:
    moves = known(*MOVE)
    assert moves.at(9.999) is None
    assert moves.known_until == pytest.approx(11.1)
    assert moves.at(11.2) is None
    assert Trajectory().at(0.0) is None
    assert math.isinf(Trajectory().known_until)


def test_at_when_between_moves_then_head_rests() -> None:
    moves = known(*MOVE, BACK)
    resting = moves.at(12.0)
    assert resting is not None
    assert resting.position == pytest.approx((100.0, 5.0, 1.0))
    assert resting.speed_mm_s == 0.0
    back = moves.at(14.0)
    assert back is not None
    assert back.position[0] == pytest.approx(50.0)
    assert back.speed_mm_s == 50.0


def test_rest_until_when_told_then_head_rests_until_then() -> None:
    moves = known(*MOVE)
    moves.rest_until(20.0)
    assert moves.known_until == 20.0
    resting = moves.at(19.0)
    assert resting is not None
    assert resting.speed_mm_s == 0.0
    moves.rest_until(15.0)
    assert moves.known_until == 20.0


def test_rest_at_when_nothing_is_known_then_begins_there() -> None:
    moves = Trajectory()
    moves.rest_at(5.0, (1.0, 2.0, 3.0))
    moves.rest_until(7.0)
    assert moves.at(6.0) == Sample((1.0, 2.0, 3.0), 0.0)
    moves.rest_at(6.5, (9.0, 9.0, 9.0))
    assert moves.at(7.0) == Sample((1.0, 2.0, 3.0), 0.0)


def test_add_when_history_is_told_again_then_nothing_changes() -> None:
    moves = known(*MOVE, BACK)
    moves.add([*MOVE, BACK])
    assert len(moves) == 4
    moves.add(MOVE)
    assert len(moves) == 4
    assert moves.known_until == 15.0


def test_add_when_move_was_cut_short_then_last_word_counts() -> None:
    moves = known(*MOVE, BACK)
    moves.rest_until(99.0)
    # Klipper marks a set position by a move of no length.
    cut = [BACK[0], 0.5, *BACK[2:]]
    moves.add([cut, [13.5, 0.0, 0.0, 0.0, [7.0, 7.0, 7.0], [0.0, 0.0, 0.0]]])
    assert moves.known_until == 13.5
    before, after = moves.at(13.4), moves.at(13.5)
    assert before is not None
    assert after is not None
    assert before.position[0] == pytest.approx(80.0)
    assert after == Sample((7.0, 7.0, 7.0), 0.0)


def test_add_when_print_time_began_anew_then_old_moves_are_gone() -> None:
    moves = known(*MOVE)
    moves.add([[1.0, *MOVE[0][1:]]])
    assert moves.known_until == pytest.approx(1.1)
    assert moves.at(10.5) is None


NAN, INF = math.nan, math.inf
GOOD = MOVE[0]
BAD_ROWS: list[object] = [
    None,
    7,
    "row",
    {},
    [],
    GOOD[:5],
    [*GOOD, 1.0],
    ["10", *GOOD[1:]],
    [True, *GOOD[1:]],
    [None, *GOOD[1:]],
    [NAN, *GOOD[1:]],
    [INF, *GOOD[1:]],
    [10**400, *GOOD[1:]],
    [1e12, *GOOD[1:]],
    [10.0, -0.1, *GOOD[2:]],
    [10.0, NAN, *GOOD[2:]],
    [10.0, 1e8, *GOOD[2:]],
    [10.0, 0.1, -INF, *GOOD[3:]],
    [10.0, 0.1, 0.0, "fast", *GOOD[4:]],
    [*GOOD[:4], [0.0, 0.0], GOOD[5]],
    [*GOOD[:4], [0.0, 0.0, None], GOOD[5]],
    [*GOOD[:4], [0.0, 0.0, NAN], GOOD[5]],
    [*GOOD[:4], "xyz", GOOD[5]],
    [*GOOD[:5], None],
    [*GOOD[:5], [INF, 0.0, 0.0]],
]


@pytest.mark.parametrize("row", BAD_ROWS, ids=lambda row: str(row)[:40])
def test_add_when_a_row_is_nonsense_then_it_is_skipped_and_told(row: object) -> None:
    moves = Trajectory()
    with pytest.raises(KlippyDataError, match="1 moves were skipped"):
        moves.add([MOVE[0], row, *MOVE[1:]])
    assert len(moves) == 3
    assert moves.at(10.5) is not None


def test_add_when_rows_are_out_of_order_then_late_ones_are_skipped() -> None:
    moves = Trajectory()
    with pytest.raises(KlippyDataError, match=r"out of order: 10\.0"):
        moves.add([MOVE[1], MOVE[0], MOVE[2]])
    assert len(moves) == 2


def test_add_when_row_is_in_a_far_future_then_it_is_skipped() -> None:
    moves = Trajectory()
    with pytest.raises(KlippyDataError, match="out of order"):
        moves.add([*MOVE, [1e6, *GOOD[1:]]], before=20.0)
    assert moves.known_until == pytest.approx(11.1)


def test_add_when_print_is_long_then_two_minutes_are_kept() -> None:
    moves = Trajectory()
    for n in range(1000):
        moves.add([[float(n), 1.0, 1.0, 0.0, [float(n), 0.0, 0.0], [1.0, 0.0, 0.0]]])
        assert len(moves) <= KEEP_S + 2
    assert moves.at(1000.0 - KEEP_S) is not None
    assert moves.at(1000.0 - KEEP_S - 2.0) is None
    moves.rest_until(5000.0)
    assert len(moves) == 1
    assert moves.at(4999.0) == Sample((1000.0, 0.0, 0.0), 0.0)


def test_add_when_moves_are_many_then_number_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trajectory, "MAX_MOVES", 100)
    moves = known(*([n / 1000, 0.001, *GOOD[2:]] for n in range(1000)))
    assert len(moves) == 100
    assert moves.at(0.95) is not None
    assert moves.at(0.85) is None


def test_forget_when_called_then_nothing_is_known() -> None:
    moves = known(*MOVE)
    moves.rest_until(50.0)
    moves.forget()
    assert moves.at(10.5) is None
    moves.add(MOVE)
    assert moves.known_until == pytest.approx(11.1)


@settings(max_examples=50)
@given(st.data())
def test_at_when_batches_overlap_then_answers_as_if_they_did_not(
    data: st.DataObject,
) -> None:
    rows = [row for layer in printing.layers(2, 150.0) for row in layer.rows]
    whole, pieces = known(*rows), Trajectory()
    sent = 0
    while sent < len(rows):
        start = data.draw(st.integers(max(0, sent - 40), sent))
        sent = data.draw(st.integers(sent + 1, min(len(rows), sent + 60)))
        pieces.add(rows[start:sent])
    first, last = 10.0, whole.known_until
    for n in range(200):
        when = first + (last - first) * n / 199
        assert pieces.at(when) == whole.at(when)


def test_trajectory_when_fed_the_recording_then_agrees_with_live_position() -> None:
    moves = Trajectory()
    errors_mm: list[float] = []
    for line in read_recording():
        if line.moves is not None:
            moves.add(line.moves)
    for print_time, position, speed in live_positions():
        sample = moves.at(print_time)
        if sample is not None:
            errors_mm.append(math.dist(sample.position, position))
            assert sample.speed_mm_s == pytest.approx(speed, abs=1e-6)
    # Measured: not one bit of difference at 588 moments, 561 of them in motion.
    assert len(errors_mm) > 400
    assert statistics.median(errors_mm) < 1e-6
    assert statistics.quantiles(errors_mm, n=100)[98] < 1e-3


def test_status_track_when_between_statuses_then_goes_straight() -> None:
    track = StatusTrack()
    assert track.at(1.0) is None
    track.add(1.0, Sample((0.0, 0.0, 1.0), 10.0))
    track.add(1.25, Sample((10.0, 20.0, 1.0), 30.0))
    track.add(1.25, Sample((99.0, 99.0, 9.0), 99.0))
    track.add(0.5, Sample((99.0, 99.0, 9.0), 99.0))
    assert track.at(0.9) is None
    assert track.at(1.0) == Sample((0.0, 0.0, 1.0), 10.0)
    assert track.at(1.125) == Sample((5.0, 10.0, 1.0), 20.0)
    assert track.at(1.25) == Sample((10.0, 20.0, 1.0), 30.0)
    assert track.at(1.3) is None
    track.add(1.25 + KEEP_S, Sample((1.0, 1.0, 1.0), 0.0))
    assert track.at(1.1) is None
    track.forget()
    assert math.isinf(track.known_until)


def test_status_track_when_fed_the_recording_then_is_nearer_than_the_last_status() -> (
    None
):
    moves, track = Trajectory(), StatusTrack()
    for line in read_recording():
        if line.moves is not None:
            moves.add(line.moves)
    known_at = [(t, Sample(where, speed)) for t, where, speed in live_positions()]
    for print_time, sample in known_at:
        track.add(print_time, sample)
    choice = random.Random(1)
    straight_mm, last_mm = [], []
    for before, after in itertools.pairwise(known_at):
        when = choice.uniform(before[0], after[0])
        true, guess = moves.at(when), track.at(when)
        if true is not None and guess is not None and true.speed_mm_s:
            straight_mm.append(math.dist(true.position, guess.position))
            last_mm.append(math.dist(true.position, before[1].position))
    assert statistics.median(straight_mm) < 0.5 * statistics.median(last_mm)


def test_recording_when_read_then_holds_what_the_tests_need() -> None:
    lines = read_recording()
    rows: list[Any] = [row for line in lines for row in line.moves or []]
    assert len(rows) > 1000
    assert sum(line.status is not None for line in lines) > 500
