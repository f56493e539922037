# Benchmarks of the frame scanner.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both twins and a plain copy of the same reads, one table a size of read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.camera import _scanner_py
from tests.support import jpeg

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

STREAM = jpeg.WEBCAM_MJPEG.read_bytes() * 8  # 24 frames, 1.1 MB


@pytest.mark.parametrize("twin", ["c", "python"])
@pytest.mark.parametrize("read_kib", [8, 64])
def test_scanner_feed(benchmark: BenchmarkFixture, read_kib: int, twin: str) -> None:
    if twin == "c":
        module = pytest.importorskip("moonraker_prusacam.camera._scanner_c")
    else:
        module = _scanner_py
    reads = jpeg.reads_of(STREAM, read_kib << 10)

    def feed() -> int:
        feed_one = module.Scanner().feed
        return sum(len(feed_one(data)) for data in reads)

    benchmark.group = f"scanner: {read_kib} KiB reads"
    benchmark.extra_info["bytes"] = len(STREAM)
    assert benchmark(feed) == 24


@pytest.mark.parametrize("read_kib", [8, 64])
def test_copy(benchmark: BenchmarkFixture, read_kib: int) -> None:
    """The floor: every byte copied once, into a buffer that stays in the cache."""
    size_bytes = read_kib << 10
    reads = jpeg.reads_of(STREAM, size_bytes)
    slot = memoryview(bytearray(size_bytes))

    def copy() -> None:
        for data in reads:
            slot[: len(data)] = data

    benchmark.group = f"scanner: {read_kib} KiB reads"
    benchmark.extra_info["bytes"] = len(STREAM)
    benchmark(copy)
