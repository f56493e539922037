# Smoke tests of the benchmarks.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every part of the harness still does its work; how fast is of no interest here."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.camera._scanner_py import Scanner
from tests.benchmarks import (
    latency,
    memory,
    multicam,
    scan,
    snapshots,
    sources,
    streams,
)
from tests.benchmarks.figure import table
from tests.benchmarks.frames import make_frames
from tests.benchmarks.rescan import RescanningScanner
from tests.benchmarks.stand import Server, Stand
from tests.support import jpeg

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL = (320, 240)
SIZES_BYTES = (8_000, 12_000)


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    if shutil.which("gcc") is None:
        pytest.skip("the benchmarks need gcc")
    small = Stand(
        tmp_path,
        rounds=1,
        scale=0.1,
        picture_size=SMALL,
        fanout_bytes=SIZES_BYTES,
        mixed_bytes=SIZES_BYTES,
    )
    with small:
        yield small


def test_frames_when_made_then_each_is_one_image_of_about_its_size() -> None:
    frames = [frame.tagged(7) for frame in make_frames(SIZES_BYTES, SMALL)]
    assert [round(len(frame) / 1e3) for frame in frames] == [8, 12]
    assert [f.data for f in Scanner().feed(b"".join(frames))] == frames
    assert len(jpeg.pixels(frames[0])) == SMALL[0] * SMALL[1] * 3


def test_rescanning_scanner_when_fed_by_the_byte_then_finds_plain_frames() -> None:
    frames = [frame.tagged(1) for frame in make_frames(SIZES_BYTES, SMALL)]
    scanner = RescanningScanner()
    reads = jpeg.reads_of(b"".join(frames), 1000)
    assert [image for read in reads for image in scanner.feed(read)] == frames


def test_viewers_when_frames_are_lost_torn_and_reordered_then_count_them(
    stand: Stand,
) -> None:
    first, second = stand.fanout
    torn = first.pieces(6, 0)[:2] + second.pieces(6, 0)[2:]
    torn[1] = torn[1][:-8] + torn[1][:8]
    sent = [first.tagged(1), first.tagged(2), second.tagged(5), second.tagged(5)]
    sent += [first.tagged(4), b"".join(torn), first.tagged(7)[:-9]]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        options = {"healthy": 1, "warmup_s": 0.01, "window_s": 1.5, "format": "raw"}
        with stand.load(stand.programs.viewers, port, **options) as client:
            viewer = listener.accept()[0]
            with viewer:
                client.read_line()
                viewer.sendall(b"".join(sent))
                seen = client.read_json()["healthy"]
    assert (seen["frames"], len(seen["latencies_ns"])) == (6, 4)
    assert (seen["lost"], seen["torn"], seen["reordered"]) == (2, 1, 1)
    assert (seen["repeated"], seen["closed"]) == (1, 0)


def test_stand_when_everything_is_measured_once_then_viewers_see_whole_frames(
    stand: Stand,
) -> None:
    engine = Server(stand.engine.pid, stand.engine.port)
    for server in (stand.bare_stream, engine):
        cost = streams.serve(stand, server, 3)
        assert cost.frames > 3
        assert cost.torn == cost.reordered == cost.closed == 0
    figures = [
        *snapshots.measure(stand),
        *latency.measure_added(stand),
        *scan.measure_in_place(stand),
        *sources.measure(stand),
        *memory.measure(stand),
        *multicam.measure_start(stand),
        *multicam.measure_recording(stand),
    ]
    assert "bare server" in figures[0].name
    assert table(figures).row_count == len(figures)
