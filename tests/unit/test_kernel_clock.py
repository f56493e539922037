# The kernel's word on its clock.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a clock counts as set."""

from __future__ import annotations

import subprocess
import sys

import pytest

from moonraker_prusacam import kernel_clock
from moonraker_prusacam.kernel_clock import STA_UNSYNC, TIME_ERROR, state_of

ONE_SECOND_US = 1_000_000
STA_PLL = 0x0001


@pytest.mark.parametrize(
    ("result", "status", "is_synchronized"),
    [
        (0, STA_PLL, True),
        (0, 0, True),
        (1, STA_PLL, True),  # a leap second is announced
        (TIME_ERROR, STA_PLL, False),
        (0, STA_UNSYNC, False),
        (TIME_ERROR, STA_UNSYNC | STA_PLL, False),
    ],
)
def test_clock_when_kernel_answers_then_state_follows(
    result: int, status: int, is_synchronized: bool
) -> None:
    state = state_of(result, status, ONE_SECOND_US)
    assert state.is_synchronized is is_synchronized
    assert state.max_error_s == pytest.approx(1.0)
    assert bool(state.reason) is not is_synchronized


def test_clock_when_read_then_kernel_gives_a_bound_or_a_reason() -> None:
    state = kernel_clock.read_clock()
    assert state.is_synchronized != bool(state.reason)
    if state.max_error_s is not None:
        assert 0 <= state.max_error_s < 3600


def test_clock_when_read_a_thousand_times_then_process_lives() -> None:
    code = (
        "from moonraker_prusacam.kernel_clock import read_clock\n"
        "print(len({read_clock().is_synchronized for _ in range(1000)}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=30, check=True
    )
    assert done.stdout.strip() == b"1"


def test_clock_when_system_has_no_such_call_then_not_synchronized(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> None:
        raise AttributeError("adjtimex")

    monkeypatch.setattr(kernel_clock, "_adjtimex", missing)
    assert not kernel_clock.read_clock().is_synchronized
