# Tests of how Klipper's states are told.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every state of Klipper and its prints, the READY flag, and dialogs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.connect.printer.messages import State
from moonraker_prusacam.connect.printer.states import GRACE_S, StateKeeper
from moonraker_prusacam.errors import CommandRejected
from tests.support.fake_printer import READY, printing

if TYPE_CHECKING:
    from moonraker_prusacam.connect.printer.view import PrinterView


def view(**changes: Any) -> PrinterView:
    return attrs.evolve(READY, **changes)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, State.IDLE),
        ({"is_busy": True}, State.BUSY),
        ({"filament_runout": True}, State.IDLE),
        ({"job": printing()}, State.PRINTING),
        ({"job": printing(), "filament_runout": True}, State.PRINTING),
        ({"job": printing(state="paused")}, State.PAUSED),
        ({"job": printing(state="paused"), "filament_runout": True}, State.ATTENTION),
        ({"job": printing(state="complete")}, State.FINISHED),
        ({"job": printing(state="complete"), "is_busy": True}, State.FINISHED),
        ({"job": printing(state="cancelled")}, State.STOPPED),
        ({"job": printing(state="error"), "message": "x"}, State.ERROR),
        ({"job": printing(state="standby")}, State.IDLE),
        ({"klippy": "shutdown", "job": printing()}, State.ERROR),
        ({"klippy": "error", "message": "Option 'x' is wrong"}, State.ATTENTION),
        ({"klippy": "strange"}, State.ATTENTION),
    ],
)
def test_state_when_klipper_is_so_then_as_the_table_says(
    changes: dict[str, Any], state: State
) -> None:
    keeper = StateKeeper(0.0)
    assert keeper.update(view(**changes), 1.0).state is state


@pytest.mark.parametrize("klippy", ["absent", "disconnected", "startup"])
def test_state_when_klipper_is_away_then_busy_and_later_an_error(klippy: str) -> None:
    keeper = StateKeeper(0.0)
    keeper.update(READY, 0.0)
    away = view(klippy=klippy)
    assert keeper.update(away, 100.0).state is State.BUSY
    assert keeper.update(away, 100.0 + GRACE_S - 1).state is State.BUSY
    late = keeper.update(away, 100.0 + GRACE_S)
    assert late.state is State.ERROR
    assert late.reason
    assert keeper.update(READY, 200.0).state is State.IDLE
    assert keeper.update(away, 201.0).state is State.BUSY


@pytest.mark.parametrize("klippy", ["shutdown", "error", "disconnected"])
def test_reason_when_klipper_says_why_then_that(klippy: str) -> None:
    keeper = StateKeeper(0.0)
    keeper.update(view(klippy=klippy), 0.0)
    told = keeper.update(view(klippy=klippy, message="Lost MCU"), 100.0)
    assert told.reason == "Lost MCU"


def test_ready_when_set_then_told_until_a_print_begins() -> None:
    keeper = StateKeeper(0.0)
    keeper.update(READY, 0.0)
    keeper.set_ready(is_ready=True)
    assert keeper.update(READY, 1.0).state is State.READY
    assert keeper.update(view(is_busy=True), 2.0).state is State.BUSY
    assert keeper.update(READY, 3.0).state is State.READY
    assert keeper.update(view(job=printing()), 4.0).state is State.PRINTING
    assert not keeper.is_ready
    done = view(job=printing(state="complete"))
    assert keeper.update(done, 5.0).state is State.FINISHED
    keeper.set_ready(is_ready=True)
    assert keeper.update(done, 6.0).state is State.READY
    keeper.set_ready(is_ready=False)
    assert keeper.update(done, 7.0).state is State.FINISHED


def test_ready_when_klipper_goes_away_then_it_no_longer_counts() -> None:
    keeper = StateKeeper(0.0)
    keeper.update(READY, 0.0)
    keeper.set_ready(is_ready=True)
    keeper.update(view(klippy="shutdown"), 1.0)
    assert keeper.update(READY, 2.0).state is State.IDLE


@pytest.mark.parametrize(
    "changes",
    [
        {"job": printing()},
        {"job": printing(state="paused")},
        {"is_busy": True},
        {"klippy": "shutdown"},
        {"klippy": "error"},
        {"job": printing(state="error")},
    ],
)
def test_ready_when_the_printer_is_not_idle_then_rejected(
    changes: dict[str, Any],
) -> None:
    keeper = StateKeeper(0.0)
    keeper.update(view(**changes), 1.0)
    with pytest.raises(CommandRejected):
        keeper.set_ready(is_ready=True)
    assert not keeper.is_ready


def test_dialog_when_it_opens_again_then_has_another_id() -> None:
    keeper = StateKeeper(0.0)
    runout = view(job=printing(state="paused"), filament_runout=True)
    first = keeper.update(runout, 1.0)
    assert first.dialog is not None
    assert first.dialog.buttons["Resume"] == "RESUME_PRINT"
    assert keeper.update(runout, 2.0).dialog_id == first.dialog_id
    assert keeper.update(view(job=printing()), 3.0).dialog_id is None
    second = keeper.update(runout, 4.0)
    assert second.dialog_id is not None
    assert second.dialog_id != first.dialog_id


def test_job_id_when_nothing_is_printed_then_none() -> None:
    keeper = StateKeeper(0.0)
    assert keeper.update(view(job=printing()), 1.0).job_id == 7
    assert keeper.update(view(job=printing(state="complete")), 1.0).job_id == 7
    assert keeper.update(view(klippy="shutdown", job=printing()), 1.0).job_id is None
    assert keeper.update(READY, 1.0).job_id is None
