# Tests of what Klipper tells of the machine and of its load.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinematics and limits; signs of a host that does not keep up."""

from __future__ import annotations

from typing import Any

import pytest

from moonraker_prusacam.errors import KlippyDataError
from moonraker_prusacam.motion import Machine
from moonraker_prusacam.motion.printer import BUSY_S, LOW_STATUSES, HostLoad

LIMITS = {"axis_minimum": [0.0, -3.0, 0.0, 0.0], "axis_maximum": [250.0, 210.0, 200.0]}


@pytest.mark.parametrize(
    ("kinematics", "moves_bed"),
    [("cartesian", True), ("corexy", False), ("delta", False), ("none", False)],
)
def test_machine_when_told_then_knows_kinematics_and_limits(
    kinematics: str, moves_bed: bool
) -> None:
    machine = Machine.from_status({"printer": {"kinematics": kinematics}}, LIMITS)
    assert machine == Machine(kinematics, (0.0, -3.0, 0.0), (250.0, 210.0, 200.0))
    assert machine.moves_bed is moves_bed


@pytest.mark.parametrize(
    "printer", [None, 7, [], {}, {"printer": 7}, {"printer": {"kinematics": 3}}]
)
def test_machine_when_settings_are_nonsense_then_data_error(printer: object) -> None:
    with pytest.raises(KlippyDataError):
        Machine.from_status(printer, LIMITS)


@pytest.mark.parametrize("limit", [None, 7, [1.0, 2.0], [1.0, "2", 3.0], {}])
def test_machine_when_limits_are_nonsense_then_data_error(limit: object) -> None:
    with pytest.raises(KlippyDataError):
        Machine.from_status(
            {"printer": {"kinematics": "delta"}}, {**LIMITS, "axis_minimum": limit}
        )


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def status(ahead: float = 2.0, speed: float = 100.0, **more: Any) -> dict[str, Any]:
    toolhead = {"print_time": 50.0 + ahead, "estimated_print_time": 50.0}
    return {
        "toolhead": {**toolhead, "stalls": more.get("stalls", 0)},
        "motion_report": {"live_velocity": speed},
        "system_stats": {"sysload": more.get("sysload", 0.2)},
        "mcu": {"last_stats": {"bytes_retransmit": more.get("retransmit", 9)}},
    }


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        ([status()] * 10, ""),
        ([status(0.1, speed=0.0)] * 10, ""),  # at rest
        ([status(-0.9, speed=25.0)] * 10, ""),  # homing
        ([status(0.1)] * (LOW_STATUSES - 1) + [status()], ""),  # M400
        ([status(0.1)] * LOW_STATUSES, "planned"),
        ([status(stalls=4)] * 3, ""),
        ([status(stalls=4), status(stalls=5)], "stalled"),
        ([status(retransmit=9), status(retransmit=30)], "sent again"),
        ([status(sysload=1e4)], "load"),
        ([{}] * 5, ""),
    ],
)
def test_host_load_when_there_is_a_sign_then_busy_for_a_while(
    statuses: list[dict[str, Any]], word: str
) -> None:
    clock = Clock()
    load = HostLoad(clock)
    for told in statuses:
        load.update(told)
    assert load.is_busy is bool(word)
    assert word in load.reason
    clock.now_s += BUSY_S
    assert not load.is_busy
    assert load.reason == ""


@pytest.mark.parametrize(
    "told",
    [
        {"toolhead": {"stalls": "many"}},
        {"system_stats": {"sysload": float("nan")}},
        {"mcu": {"last_stats": {"bytes_retransmit": []}}},
        {"motion_report": {"live_velocity": "fast"}},
    ],
)
def test_host_load_when_numbers_are_nonsense_then_data_error(
    told: dict[str, Any],
) -> None:
    with pytest.raises(KlippyDataError):
        HostLoad().update(told)
