# What is seen when, and where in the picture.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the videos of a session on one axis of time.

The axis begins with the first frame of all and ends with the last. A video whose offset
nobody knows, or that cannot be, begins at the instant at which all should have begun.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.mp4 import JPEG, read_times, read_track
from moonraker_prusacam.multicam.controller.session import TakeState
from moonraker_prusacam.orientation import UPRIGHT, Orientation
from moonraker_prusacam.sidecar import read_sidecar
from moonraker_prusacam.video.grid import Grid, grid_for

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.multicam.controller.session import Session, Take
    from moonraker_prusacam.multicam_options import MultiCamConfig

    from .tools import VideoTools

MOST_ANGLES = 16
PIECE_S = 20
BY_OFFSET, BY_FIRST_FRAME = "offset", "first_frame"
# Devices begin and end near what they are told, so a clock cannot be off by more.
SLACK_S = 120.0
MOST_S = 172_800.0
MOST_SIDE = 16384


@attrs.define(kw_only=True)
class Angle:
    """A video on the axis; ``begin_s`` is when its first frame is shown.

    ``reason`` tells why it is not seen any more, ``warning`` what is wrong with it.
    """

    name: str
    video: str
    size_bytes: int
    aligned_by: str
    begin_s: float
    duration_s: float
    width: int
    height: int
    orientation: Orientation = UPRIGHT
    reason: str = ""
    warning: str = ""


@attrs.frozen(kw_only=True)
class LeftOut:
    """A device that is not in the picture, and why."""

    name: str
    video: str | None
    reason: str


@attrs.define(kw_only=True)
class Plan:
    """A whole video; ``codec`` is ffmpeg's name of the encoder."""

    fps: int
    height: int
    crf: float
    codec: str = ""
    frames: int
    angles: list[Angle]
    left_out: list[LeftOut]

    @property
    def grid(self) -> Grid:
        """Where the angles are."""
        return grid_for([(a.width, a.height) for a in self.angles], self.height)

    @property
    def piece_frames(self) -> int:
        """How many frames a piece has, but for the last one."""
        return PIECE_S * self.fps

    @property
    def pieces(self) -> int:
        """How many pieces there are."""
        return math.ceil(self.frames / self.piece_frames)

    def fits(self, other: Plan) -> bool:
        """Whether pieces of ``other`` are pieces of this, too."""
        return self._key() == other._key()

    def _key(self) -> tuple[Any, ...]:
        angles = [attrs.evolve(angle, reason="", warning="") for angle in self.angles]
        return self.fps, self.height, self.crf, self.frames, angles, self.left_out


def make_plan(
    session: Session, folder: Path, config: MultiCamConfig, tools: VideoTools
) -> Plan:
    """What can be seen of ``session``; raises RenderError where that is nothing."""
    record = session.record
    span_s = MOST_S
    if record.target is not None and record.over is not None:
        span_s = min(MOST_S, max(0.0, record.over - record.target) + SLACK_S)
    angles: list[Angle] = []
    left_out: list[LeftOut] = []
    for take in record.takes:
        try:
            if len(angles) == MOST_ANGLES:
                raise RenderError(f"{MOST_ANGLES} are the most")
            angles.append(_angle(session, take, folder, span_s, tools))
        except RenderError as error:
            left_out.append(
                LeftOut(name=take.name, video=take.video, reason=str(error))
            )
        except OSError as error:
            reason = error.strerror or type(error).__name__
            left_out.append(LeftOut(name=take.name, video=take.video, reason=reason))
    if not angles:
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in left_out)
        raise RenderError(f"there is no video to be shown: {reasons}")
    zero_s = min(angle.begin_s for angle in angles)
    for angle in angles:
        angle.begin_s = round(angle.begin_s - zero_s, 6)
    end_s = min(span_s, max(angle.begin_s + angle.duration_s for angle in angles))
    return Plan(
        fps=config.video_fps,
        height=config.video_height,
        crf=tools.crf,
        frames=max(1, round(end_s * config.video_fps)),
        angles=angles,
        left_out=left_out,
    )


def collected_video(session: Session, take: Take, folder: Path) -> Path:
    """The video of ``take`` where it was put; raises RenderError."""
    if take.state is not TakeState.COLLECTED or take.video is None:
        raise RenderError(take.reason or "there is no video of it")
    video = folder / take.video
    if not video.is_file():
        raise RenderError("its video is no longer there")
    if take.suffix != ".mp4":
        raise RenderError(f"a {take.suffix or 'file'} cannot be played")
    job = read_sidecar(video).get("job")
    if not isinstance(job, dict) or job.get("id") != session.record.id:
        raise RenderError("what has its name now is another video")
    return video


def orientation(take: Take, tools: VideoTools) -> Orientation:
    """How the JPEGs of ``take`` are to be seen, if they are of a camera of ours.

    By neither its name, which another device may have, nor its type, of which cameras
    of other hosts are as well.
    """
    return tools.orientation_of(take.camera) if take.camera else UPRIGHT


def _angle(
    session: Session, take: Take, folder: Path, span_s: float, tools: VideoTools
) -> Angle:
    """Raises RenderError and OSError."""
    video = collected_video(session, take, folder)
    track, times = read_track(video), read_times(video)
    width, height = track.width, track.height
    if not (0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE):
        raise RenderError(f"its pictures have a size of {width}x{height}")
    # What was encoded is upright already.
    turned = orientation(take, tools) if times.codec == JPEG else UPRIGHT
    if ((track.rotation or 0) + turned.rotation) % 180:
        width, height = height, width
    offset_s = take.offset_s(session.record.target)
    is_known = offset_s is not None and -SLACK_S <= offset_s <= span_s
    return Angle(
        name=take.name,
        video=video.name,
        size_bytes=video.stat().st_size,
        aligned_by=BY_OFFSET if is_known else BY_FIRST_FRAME,
        begin_s=offset_s if is_known and offset_s is not None else 0.0,
        duration_s=times.seconds(times.end),
        width=width,
        height=height,
        orientation=turned,
    )
