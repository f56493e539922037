# Benchmarks of the frame scanner.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both twins and a plain copy of the same 1080p reads, one table a size of read."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.benchmarks.frames import MIXED_BYTES, make_frames
from tests.benchmarks.scan import fill_and_advance, reads_of

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

TWINS = {
    "c": "moonraker_prusacam.camera._scanner_c",
    "python": "moonraker_prusacam.camera._scanner_py",
}
READS_KIB = (4, 8, 64)


@pytest.fixture(scope="module")
def stream() -> bytes:
    frames = make_frames(MIXED_BYTES)
    return b"".join(frame.tagged(seq) for seq, frame in enumerate(frames, 1))


def scanner_of(twin: str) -> Any:
    try:
        return importlib.import_module(TWINS[twin]).Scanner()
    except ImportError:
        pytest.skip("this build has no compiled scanner")


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("read_kib", READS_KIB)
def test_scanner_feed(
    benchmark: BenchmarkFixture, stream: bytes, read_kib: int, twin: str
) -> None:
    scanner = scanner_of(twin)
    reads = reads_of(stream, read_kib << 10)

    def feed() -> int:
        return sum(len(scanner.feed(read)) for read in reads)

    benchmark.group = f"scanner: {read_kib} KiB reads"
    assert benchmark(feed) == len(MIXED_BYTES)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("read_kib", READS_KIB)
def test_scanner_in_place(
    benchmark: BenchmarkFixture, stream: bytes, read_kib: int, twin: str
) -> None:
    """Filling included: what a source that receives into the scanner would pay."""
    scanner = scanner_of(twin)
    benchmark.group = f"scanner: {read_kib} KiB reads"
    benchmark(fill_and_advance, scanner, reads_of(stream, read_kib << 10))


@pytest.mark.parametrize("read_kib", READS_KIB)
def test_copy(benchmark: BenchmarkFixture, stream: bytes, read_kib: int) -> None:
    """The floor: every byte copied once, into a buffer that stays in the cache."""
    reads = reads_of(stream, read_kib << 10)
    slot = memoryview(bytearray(read_kib << 10))

    def copy() -> None:
        for data in reads:
            slot[: len(data)] = data

    benchmark.group = f"scanner: {read_kib} KiB reads"
    benchmark(copy)
