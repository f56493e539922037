# Figures of the scanner.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads into frames: against memcpy of the same bytes, and a rescanning loop."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from moonraker_prusacam.camera import _scanner_py
from moonraker_prusacam.camera.scanner import IMPLEMENTATION, Scanner

from .figure import Figure, Spread
from .frames import MIXED_BYTES
from .native import PlainCopy, PlainFramer
from .rescan import RescanningScanner

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stand import Stand

IN_PLACE_TARGETS = {64 << 10: 0.8, 4 << 10: 0.7}
FEED_TARGET = 80.0
FEED_READ_BYTES = 8 << 10
PASSES = 20
# A pass of the rescanning loop takes as long as a hundred of ours.
RESCAN_PASSES = 2
CLOCK_READS = 1000


class InPlaceScanner(Protocol):
    """A scanner that says where to put the bytes of a read."""

    def get_buffer(self, hint: int) -> memoryview:
        """Room for a read of about ``hint`` bytes, perhaps less."""

    def advance(self, size_bytes: int) -> object:
        """Scan what was put there."""


class FeedScanner(Protocol):
    """A scanner that takes reads."""

    def feed(self, data: bytes, /) -> list[Any]:
        """The frames that the read completes."""


@attrs.frozen
class InPlace:
    """Speeds of one round, in GB/s."""

    scan: float
    copy: float
    called_scan: float
    called_copy: float


def measure_in_place(stand: Stand) -> list[Figure]:
    """The C core with the bytes in place, against memcpy, both loops in C.

    For the core the clock is read at every read, for memcpy once: the ratio errs to the
    core's disadvantage, by about a sixth at 4 KiB.

    A call from Python takes as long as memcpy of 4 KiB, so the detail tells what
    ``advance`` reaches when Python calls it, of this memcpy and of one that is called
    from Python as well.
    """
    figures = []
    for read_bytes, target in IN_PLACE_TARGETS.items():
        rounds = _in_place_rounds(stand, read_bytes)
        ratio = Spread.of([one.scan / one.copy for one in rounds])
        of_copy = median(one.called_scan / one.copy for one in rounds)
        of_called = median(one.called_scan / one.called_copy for one in rounds)
        scan, copy, called = (
            median(getattr(one, name) for one in rounds)
            for name in ("scan", "copy", "called_scan")
        )
        figures.append(
            Figure(
                f"scan in place / memcpy, {read_bytes >> 10} KiB reads",
                str(ratio),
                f">= {target}",
                ratio.middle >= target,
                f"{scan:.1f} GB/s, memcpy {copy:.1f}; called from Python "
                f"({IMPLEMENTATION}) {called:.1f}: {of_copy:.2f} of memcpy, "
                f"{of_called:.2f} of one called like that",
            )
        )
    return figures


def measure_feed(stand: Stand) -> list[Figure]:
    """``feed`` with its copies, against the scanner of rescan.py."""
    reads = reads_of(stand.mixed, FEED_READ_BYTES)
    scanners: dict[str, tuple[Callable[[], FeedScanner], int]] = {
        "rescan": (RescanningScanner, RESCAN_PASSES),
        "python": (_scanner_py.Scanner, PASSES),
        IMPLEMENTATION: (Scanner, PASSES),
    }
    taken: dict[str, list[float]] = {name: [] for name in scanners}
    for _ in range(stand.rounds):
        for name, (make, passes) in scanners.items():
            taken[name].append(_feed_ns(make, reads, passes))
    faster = Spread.of(_divide(taken["rescan"], taken[IMPLEMENTATION]))
    python = Spread.of(_divide(taken["rescan"], taken["python"]))
    ours_us, rescan_us = (
        median(taken[name]) / len(MIXED_BYTES) / 1e3
        for name in (IMPLEMENTATION, "rescan")
    )
    return [
        Figure(
            "feed() / rescanning scanner, 8 KiB reads",
            f"{faster.middle:.0f}x ({faster.least:.0f}-{faster.most:.0f})",
            f">= {FEED_TARGET:.0f}x",
            faster.middle >= FEED_TARGET,
            f"{ours_us:.0f} us a frame, rescanning {rescan_us:.0f} us; "
            f"pure Python {python.middle:.0f}x",
        )
    ]


def reads_of(stream: bytes, read_bytes: int) -> list[bytes]:
    """``stream`` in reads of one size."""
    return [
        stream[begin : begin + read_bytes]
        for begin in range(0, len(stream), read_bytes)
    ]


def fill_and_advance(scanner: InPlaceScanner, reads: list[bytes]) -> int:
    """Put every read into its place and scan it; nanoseconds of the scans alone."""
    clock = time.perf_counter_ns
    get_buffer, advance = scanner.get_buffer, scanner.advance
    taken_ns = calls = 0
    for read in reads:
        position = 0
        while position < len(read):
            buffer = get_buffer(len(read) - position)
            size = min(len(buffer), len(read) - position)
            buffer[:size] = read[position : position + size]
            position += size
            begin_ns = clock()
            advance(size)
            taken_ns += clock() - begin_ns
            calls += 1
    return taken_ns - round(calls * _clock_cost_ns())


def _in_place_rounds(stand: Stand, read_bytes: int) -> list[InPlace]:
    copy = PlainCopy(stand.programs.library)
    reads = reads_of(stand.mixed, read_bytes)
    size_bytes = len(stand.mixed) * PASSES
    rounds = []
    for _ in range(stand.rounds + 2):  # short, so a few more cost nothing
        scanner: Any = Scanner()
        scan_ns = copy_ns = called_scan_ns = called_copy_ns = 0
        with PlainFramer(stand.programs.library) as framer:
            for _ in range(PASSES):
                copy_ns += copy.measure_ns(stand.mixed, read_bytes)
                scan_ns += framer.measure_ns(stand.mixed, read_bytes)
                called_copy_ns += _called_copy_ns(reads, read_bytes)
                called_scan_ns += fill_and_advance(scanner, reads)
        times_ns = (scan_ns, copy_ns, called_scan_ns, called_copy_ns)
        rounds.append(InPlace(*(size_bytes / taken_ns for taken_ns in times_ns)))
    return rounds


def _called_copy_ns(reads: list[bytes], read_bytes: int) -> int:
    """Nanoseconds of copies that are called and timed like ``advance``."""
    clock = time.perf_counter_ns
    slot = memoryview(bytearray(read_bytes))
    taken_ns = 0
    for read in reads:
        size = len(read)
        begin_ns = clock()
        slot[:size] = read
        taken_ns += clock() - begin_ns
    return taken_ns - round(len(reads) * _clock_cost_ns())


def _clock_cost_ns() -> float:
    """What reading the clock twice adds to a time between."""
    clock = time.perf_counter_ns
    costs = []
    for _ in range(CLOCK_READS):
        begin_ns = clock()
        costs.append(clock() - begin_ns)
    return median(costs)


def _feed_ns(make: Callable[[], FeedScanner], reads: list[bytes], passes: int) -> float:
    """Nanoseconds of one pass."""
    scanner = make()
    begin_ns = time.perf_counter_ns()
    for _ in range(passes):
        for read in reads:
            scanner.feed(read)
    return (time.perf_counter_ns() - begin_ns) / passes


def _divide(numerators: list[float], denominators: list[float]) -> list[float]:
    return [a / b for a, b in zip(numerators, denominators, strict=True)]
