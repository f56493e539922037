# Tests of the choice of a camera's mode.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nearest of what a camera offers, whichever way it tells what that is."""

from __future__ import annotations

from fractions import Fraction

import pytest

from moonraker_prusacam.camera.v4l2.device import code_of, name_of
from moonraker_prusacam.camera.v4l2.modes import (
    Format,
    Intervals,
    Mode,
    Sizes,
    best_format,
    nearest_interval,
    nearest_size,
    offer,
)

VGA, HD, FULL_HD = (640, 480), (1280, 720), (1920, 1080)
RANGE = Sizes((64, 48), (2592, 1944), (32, 8))


def each(*sizes: tuple[int, int]) -> list[Sizes]:
    return [Sizes(size, size) for size in sizes]


def rates(*fps: float) -> list[Intervals]:
    times = [1 / Fraction(rate).limit_denominator(1000) for rate in fps]
    return [Intervals(time, time) for time in times]


@pytest.mark.parametrize(
    ("offered", "best"),
    [
        (["YUYV", "MJPG"], "MJPG"),
        (["YUYV", "JPEG"], "JPEG"),
        (["H264", "YUYV"], "YUYV"),
        (["H264"], "H264"),
        (["GREY", "Y16"], "GREY"),
        (["pRAA", "Z16"], None),
        ([], None),
    ],
)
def test_best_format_when_several_can_be_read_then_the_cheapest(
    offered: list[str], best: str | None
) -> None:
    assert best_format(map(Format, offered)) == best


@pytest.mark.parametrize(
    ("wanted", "offered", "nearest"),
    [
        (HD, each(VGA, HD, FULL_HD), HD),
        ((1300, 700), each(VGA, HD, FULL_HD), HD),
        ((9000, 9000), each(VGA, FULL_HD, HD), FULL_HD),
        ((1600, 900), each(HD, FULL_HD), FULL_HD),
        (HD, [RANGE], HD),
        ((1000, 563), [RANGE], (992, 560)),
        ((1010, 565), [RANGE], (1024, 568)),
        ((16, 16), [RANGE], (64, 48)),
        ((9000, 9000), [RANGE], (2592, 1944)),
        ((99, 99), [Sizes((10, 10), (95, 95), (10, 10))], (90, 90)),
        (HD, [], HD),
    ],
)
def test_nearest_size_when_one_is_wanted_then_it_is_one_that_is_offered(
    wanted: tuple[int, int], offered: list[Sizes], nearest: tuple[int, int]
) -> None:
    assert nearest_size(wanted, offered) == nearest


@pytest.mark.parametrize(
    ("fps", "offered", "nearest"),
    [
        (15, rates(30, 15, 5), 15),
        (14, rates(30, 15, 5), 15),
        (1, rates(30, 15, 5), 5),
        (120, rates(30, 15, 5), 30),
        (20, rates(25, 15), 25),  # as near; the faster one
        (7.5, rates(30, 7.5), 7.5),
        (24, [Intervals(Fraction(1, 90), Fraction(1, 1))], 24),
        (120, [Intervals(Fraction(1, 90), Fraction(1, 1))], 90),
        (0.5, [Intervals(Fraction(1, 90), Fraction(1, 1))], 1),
        (15, [], 15),
    ],
)
def test_nearest_interval_when_a_rate_is_wanted_then_it_is_one_that_is_offered(
    fps: float, offered: list[Intervals], nearest: float
) -> None:
    assert 1 / nearest_interval(fps, offered) == nearest


def test_offer_when_written_then_it_has_sizes_and_rates() -> None:
    uvc = Fraction(333333, 10_000_000)  # how cameras count 30 a second
    sizes = [
        (Sizes(VGA, VGA), [Intervals(uvc, uvc), *rates(7.5)]),
        (Sizes(HD, HD), []),
        (RANGE, [Intervals(Fraction(1, 90), Fraction(2, 1))]),
    ]
    told = "640x480 (30, 7.5), 1280x720, 64x48 to 2592x1944 (0.5 to 90)"
    assert offer(sizes) == told


@pytest.mark.parametrize(
    ("mode", "told", "fps"),
    [
        (Mode("MJPG", HD, Fraction(1, 15)), "MJPG 1280x720 at 15 frames a second", 15),
        (Mode("YUYV", VGA), "YUYV 640x480", 0),
    ],
)
def test_mode_when_written_then_it_is_for_people(
    mode: Mode, told: str, fps: float
) -> None:
    assert str(mode) == told
    assert mode.fps == fps


@pytest.mark.parametrize("name", ["MJPG", "YUYV", "Y16", "pRAA"])
def test_name_when_made_of_its_code_then_it_is_the_same(name: str) -> None:
    assert name_of(code_of(name)) == name
    assert name_of(code_of(name) | 1 << 31) == name  # big-endian
