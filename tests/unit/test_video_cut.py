# The first frames of videos, with every ffmpeg there is.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is cut out of a video can be joined again as what it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.video import (
    EncodeSettings,
    FFmpeg,
    Timing,
    hold_segment,
    join,
    seal,
)
from moonraker_prusacam.video.cut import cut
from tests.support.video import files_in, frames, pictures_of, programs, track_of

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = EncodeSettings()


@pytest.fixture(params=programs())
def ffmpeg(request: pytest.FixtureRequest) -> FFmpeg:
    return FFmpeg(request.param)


@pytest.mark.parametrize("rotation", [0, 90])
async def test_cut_then_first_frames_are_a_segment_again(
    ffmpeg: FFmpeg, tmp_path: Path, rotation: int
) -> None:
    paths = frames(tmp_path / "job", 27)
    sealed = await seal(ffmpeg, paths[:25], tmp_path / "1.mp4", SETTINGS)
    rest = await seal(ffmpeg, paths[25:], tmp_path / "2.mp4", SETTINGS)
    held = tmp_path / "hold.mp4"
    await hold_segment(ffmpeg, paths[-1], 12, held, SETTINGS)
    video, again = tmp_path / "it's %d.mp4", tmp_path / "again.mp4"
    pieces = [sealed.path, rest.path, held]
    await join(ffmpeg, pieces, video, Timing(fps=12), rotation=rotation)
    segment = tmp_path / "cut.mp4"
    await cut(ffmpeg, video, 27, segment)
    track = await track_of(segment)
    before = await track_of(sealed.path)
    assert (track.frames, track.rotation) == (27, 0)
    assert (track.fps, track.timescale) == (before.fps, before.timescale)
    await join(ffmpeg, [segment, held], again, Timing(fps=12), rotation=rotation)
    assert await pictures_of(ffmpeg, again) == await pictures_of(ffmpeg, video)


async def test_cut_when_there_are_too_few_frames_then_nothing_is_left(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    paths = frames(tmp_path / "job", 3)
    sealed = await seal(ffmpeg, paths, tmp_path / "1.mp4", SETTINGS)
    for video in (sealed.path, paths[0], tmp_path / "gone.mp4"):
        with pytest.raises(RenderError):
            await cut(ffmpeg, video, 4, tmp_path / "cut.mp4")
    assert files_in(tmp_path) == {"job", "1.mp4"}
