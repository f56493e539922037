# H.264 of a recording, with the times of its frames.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each frame is shown when it was, tick for tick, in every ffmpeg there is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs
import pytest

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.mp4 import JPEG, read_times
from moonraker_prusacam.video import FFmpeg, Tags
from moonraker_prusacam.video.passthrough import (
    PartSettings,
    encode_part,
    join_parts,
)
from tests.support.angles import record, uneven
from tests.support.video import files_in, programs

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.mp4 import FrameTimes

PART = 20


def recording(folder: Path) -> tuple[Path, FrameTimes]:
    """As uneven as can be: a gap of a minute, and frames that came at once."""
    times = uneven(0.0, 1.6)
    times = [*times[:30], times[29], *(at_s + 60 for at_s in times[30:])]
    video = record(folder / "own.mp4", times, (65, 49))
    return video, read_times(video)


@pytest.mark.parametrize("program", programs())
async def test_video_when_encoded_in_parts_then_frames_have_their_times(
    tmp_path: Path, program: str
) -> None:
    video, times = await asyncio.to_thread(recording, tmp_path)
    ffmpeg, count = FFmpeg(program, tmp_path / "work"), len(times.begins)
    assert times.codec == JPEG
    parts, firsts = [], range(0, count, PART)
    for first in firsts:
        part = tmp_path / f"{first}.mp4"
        some = min(PART, count - first)
        await encode_part(ffmpeg, video, times, first, some, part, PartSettings())
        parts.append(part)
    new = tmp_path / "new.mp4"
    await join_parts(ffmpeg, parts, times, firsts, new, Tags(title="cube"))
    made = await asyncio.to_thread(read_times, new)
    assert (made.codec, made.begins) == ("avc1", times.begins)
    assert await ffmpeg.count_decoded(new) == count


async def test_part_when_a_frame_is_no_picture_then_it_is_refused(
    tmp_path: Path,
) -> None:
    video, times = await asyncio.to_thread(recording, tmp_path)

    def spoil() -> None:
        data = bytearray(video.read_bytes())
        second = data.index(b"\xff\xd8", data.index(b"\xff\xd8") + 2)
        data[second : second + 300] = bytes(300)
        video.write_bytes(data)

    await asyncio.to_thread(spoil)
    ffmpeg, part = FFmpeg(programs()[0], tmp_path / "work"), tmp_path / "part.mp4"
    with pytest.raises(RenderError):
        await encode_part(ffmpeg, video, times, 0, PART, part, PartSettings())
    assert files_in(tmp_path) <= {"own.mp4", "work"}


async def test_join_when_times_are_others_then_it_is_refused(tmp_path: Path) -> None:
    video, times = await asyncio.to_thread(recording, tmp_path)
    ffmpeg, part = FFmpeg(programs()[0], tmp_path / "work"), tmp_path / "part.mp4"
    count = len(times.begins)
    await encode_part(ffmpeg, video, times, 0, count, part, PartSettings())
    others = times.begins[:]
    others[5] += 1
    with pytest.raises(RenderError, match="not shown when they were"):
        await join_parts(
            ffmpeg,
            [part],
            attrs.evolve(times, begins=others),
            [0],
            tmp_path / "new.mp4",
            Tags(),
        )
    assert not (tmp_path / "new.mp4").exists()
