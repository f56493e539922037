# Tests of another speed and another end.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same pictures at another rate; what is held at the end can be changed."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import attrs
import pytest

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.video import (
    EncodeSettings,
    FFmpeg,
    Tags,
    Timing,
    hold_segment,
    join,
    retime,
    seal,
)
from tests.support.video import frames, pictures_of, programs, track_of

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = 30


@pytest.fixture(params=programs())
def ffmpeg(request: pytest.FixtureRequest) -> FFmpeg:
    return FFmpeg(request.param)


async def render(
    ffmpeg: FFmpeg, folder: Path, held: int = 0, rotation: int = 0, crf: float = 23
) -> Path:
    """A video as the renderer makes them: two segments, and what is held."""
    jpegs = frames(folder / "frames", SHOWN)
    settings = EncodeSettings(crf=crf)
    pieces = []
    for number, part in enumerate((jpegs[:25], jpegs[25:])):
        path = folder / f"{number}.mp4"
        sealed = await seal(ffmpeg, part, path, settings)
        settings = attrs.evolve(settings, size=sealed.size)
        pieces.append(path)
    if held:
        pieces.append(folder / "hold.mp4")
        await hold_segment(ffmpeg, jpegs[-1], held, pieces[-1], settings)
    video = folder / "video.mp4"
    await join(ffmpeg, pieces, video, Timing(fps=30), rotation=rotation, held=held)
    return video


@pytest.mark.parametrize(
    ("timing", "fps"),
    [
        (Timing(fps=10), Fraction(10)),
        (Timing(fps=60), Fraction(60)),
        (Timing(target_length_s=2.0), Fraction(15)),
        (Timing(target_length_s=600.0, min_fps=5), Fraction(5)),
    ],
)
async def test_rate_when_it_is_changed_then_the_pictures_are_the_same(
    ffmpeg: FFmpeg, tmp_path: Path, timing: Timing, fps: Fraction
) -> None:
    video = await render(ffmpeg, tmp_path, rotation=90)
    made = await retime(ffmpeg, video, tmp_path / "new.mp4", timing)
    assert (made.held, made.result.frames, made.result.fps) == (0, SHOWN, fps)
    track = await track_of(tmp_path / "new.mp4")
    assert (track.fps, track.rotation, track.is_fast_start) == (fps, 90, True)
    pictures = await pictures_of(ffmpeg, tmp_path / "new.mp4")
    assert pictures == await pictures_of(ffmpeg, video)


@pytest.mark.parametrize(
    ("held", "timing", "hold_s", "expected"),
    [
        (60, Timing(fps=15), None, 30),
        (15, Timing(fps=60), None, 30),
        (15, None, None, 15),
        (15, None, 0.0, 0),
        (15, None, 2.0, 60),
        (0, None, 1.0, 30),
        (0, Timing(fps=10), 1.0, 10),
        (15, Timing(target_length_s=3.0), 1.0, 10),
    ],
)
async def test_hold_when_it_is_changed_then_the_pictures_before_are_the_same(
    ffmpeg: FFmpeg,
    tmp_path: Path,
    held: int,
    timing: Timing | None,
    hold_s: float | None,
    expected: int,
) -> None:
    video = await render(ffmpeg, tmp_path, held)
    work = tmp_path / "work"
    work.mkdir()
    made = await retime(
        ffmpeg, video, work / "new.mp4", timing, held=held, hold_s=hold_s
    )
    assert (made.held, made.result.frames) == (expected, SHOWN + expected)
    before = await pictures_of(ffmpeg, video)
    after = await pictures_of(ffmpeg, work / "new.mp4")
    assert len(after) == SHOWN + expected
    assert after[:SHOWN] == before[:SHOWN]
    assert (await track_of(work / "new.mp4")).fps == made.result.fps


async def test_retime_when_it_was_retimed_before_then_nothing_is_lost(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    video = await render(ffmpeg, tmp_path, held=30)
    first = await pictures_of(ffmpeg, video)
    held = 30
    for number, fps in enumerate((10, 60, 30)):
        target = tmp_path / f"work{number}" / "new.mp4"
        target.parent.mkdir()
        tags = Tags(title="cube")
        made = await retime(
            ffmpeg, video, target, Timing(fps=fps), held=held, tags=tags
        )
        video, held = target, made.held
    assert held == 30
    assert (await pictures_of(ffmpeg, video))[:SHOWN] == first[:SHOWN]


async def test_hold_when_the_video_was_encoded_otherwise_then_it_stays_as_it_is(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    video = await render(ffmpeg, tmp_path, held=15)
    other = tmp_path / "other.mp4"
    await ffmpeg.run(
        [
            *(
                "-i",
                str(video),
                "-c:v",
                "libx264",
                "-profile:v",
                "baseline",
                "-r",
                "30",
            ),
            *("-video_track_timescale", "1200000", str(other)),
        ],
        timeout_s=30,
    )
    made = await retime(ffmpeg, other, tmp_path / "new.mp4", Timing(fps=15), held=15)
    assert (made.held, made.result.frames) == (15, SHOWN + 15)
    with pytest.raises(RenderError, match="encoded in another way"):
        await retime(ffmpeg, other, tmp_path / "new.mp4", None, held=15, hold_s=2.0)


@pytest.mark.parametrize("content", [None, b"", b"no video" * 100])
async def test_retime_when_that_is_no_video_then_error_says_so(
    ffmpeg: FFmpeg, tmp_path: Path, content: bytes | None
) -> None:
    video = tmp_path / "bad.mp4"
    if content is not None:
        video.write_bytes(content)
    with pytest.raises(RenderError, match=r"bad\.mp4"):
        await retime(ffmpeg, video, tmp_path / "new.mp4", Timing(fps=15))
