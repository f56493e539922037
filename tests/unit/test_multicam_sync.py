# Phones and a camera of ours, from one instant on.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our controller has virtual devices of three kinds and a camera of ours record."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import subprocess
import time
from typing import TYPE_CHECKING

from moonraker_prusacam import mp4
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.multicam.controller import orders
from tests.support.multicam_device import FPS, stage
from tests.support.multicam_ensemble import ensemble
from tests.support.staged_source import StagedSource

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

log = logging.getLogger(__name__)

KINDS = ("published", "iphone", "android")
ROUNDS = 3


async def test_session_when_phones_and_our_camera_record_then_begin_within_a_frame(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(orders, "VERIFY_AFTER_S", 0.05)
    monkeypatch.setattr(orders, "POLL_S", 0.05)
    apart_s: list[float] = []
    async with ensemble(tmp_path, KINDS) as standing:
        for _ in range(ROUNDS):
            session = await standing.controller.start_recording()
            await standing.until(session, "recording", "recording")
            assert session.record.target is not None
            assert standing.ours_s >= session.record.target
            most_s = max(1 / FPS, standing.gap_s)
            phones = zip(standing.theirs_s, session.record.takes[:-1], strict=True)
            # On a busy host a phone may hear of the instant when that is over.
            on_time = [begin_s for begin_s, take in phones if not take.late_s]
            assert all(abs(standing.ours_s - begin_s) < most_s for begin_s in on_time)
            apart_s += [abs(standing.ours_s - begin_s) for begin_s in on_time]
            await standing.controller.stop_recording()
            await standing.until(session, "collected", "done")
            ours = session.record.takes[-1]
            assert ours.file_name is not None
            kept = tmp_path / "device" / "bed" / ours.file_name
            octets = await asyncio.to_thread(kept.read_bytes)
            assert ours.sha256 == hashlib.sha256(octets).hexdigest()
    assert apart_s
    log.info("ms apart from ours: %s", [round(each * 1e3, 1) for each in apart_s])


async def test_recording_when_shown_then_pictures_and_their_times_are_the_cameras(
    tmp_path: Path,
) -> None:
    source = StagedSource()
    async with stage(tmp_path, source=source) as standing:
        await source.running(1)
        device = standing.service.device
        assert device is not None
        client = await standing.client()
        source.send()
        begin_s = time.time()
        source.send()
        await client.ask("START_RECORDING", timestamp=begin_s)
        for _ in range(4):
            await asyncio.sleep(0.03)  # a camera's pace, which the file must show
            source.send()
        stopped = await client.ask("STOP_RECORDING")
        times_s = [frame.first_ns / 1e9 for frame in device.ring.since(0)]
    path = tmp_path / "bed" / stopped["fileName"]
    track = await asyncio.to_thread(mp4.read_track, path)
    assert track.frames == 5
    begins = await asyncio.to_thread(_shown_s, path)
    recorded = [each - times_s[-5] for each in times_s[-5:]]
    assert all(abs(a - b) < 1e-4 for a, b in zip(begins, recorded, strict=True))


def _shown_s(path: Path) -> list[float]:
    """When ffmpeg shows each picture, which it has decoded."""
    show = [str(find_ffmpeg(None)), "-i", str(path), "-vf", "showinfo", "-f", "null"]
    done = subprocess.run([*show, "-vsync", "passthrough", "-"], capture_output=True)
    assert done.returncode == 0
    found = re.findall(rb"pts_time:\s*([0-9.]+)", done.stderr)
    return [float(each) for each in found]
