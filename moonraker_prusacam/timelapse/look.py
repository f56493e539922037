# How the video of a job looks.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way up a video is, and what is written on its pictures.

All segments of a video have to agree, so that a job keeps the look that it began with.
A rotation alone costs nothing: players are told to turn the video. Under a caption,
pictures are turned before it is written.
"""

from __future__ import annotations

import string
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Self

import attrs

from moonraker_prusacam.orientation import Orientation
from moonraker_prusacam.video import Caption, Inset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from moonraker_prusacam.config import CameraConfig, TrackConfig

    from .job import Job, JobRecord, StoredFrame
    from .remake import Remake

UNKNOWN = "-"


@attrs.frozen
class Look:
    """Flips come first, then ``rotation`` in degrees clockwise.

    Viewers and options have it the other way round: ``seen``.
    """

    flip_horizontal: bool = False
    flip_vertical: bool = False
    rotation: int = 0
    caption: str = ""
    progress_bar: bool = False
    inset: Inset | None = None

    @classmethod
    def of(cls, seen: Orientation) -> Self:
        """As viewers would see it."""
        return cls(*attrs.astuple(seen.flips_first()))

    @property
    def seen(self) -> Orientation:
        """Which way up it is for viewers."""
        return Orientation(
            self.flip_horizontal, self.flip_vertical, self.rotation
        ).flips_first()

    def turned_to(self, rotation: int) -> Self:
        """Another rotation for pictures that are flipped already.

        What has been flipped along one side before a quarter turn would have had to
        be flipped along the other, and half a turn makes up for that.
        """
        if self.flip_horizontal != self.flip_vertical:
            rotation += 2 * ((rotation - self.rotation) % 180)
        return attrs.evolve(self, rotation=rotation % 360)

    @property
    def is_drawn_on(self) -> bool:
        """Whether there is more on the pictures than the camera saw."""
        return bool(self.caption) or self.progress_bar or self.inset is not None

    @property
    def encoded_rotation(self) -> int:
        """By how much pictures are turned before they are encoded."""
        return self.rotation if self.is_drawn_on else 0

    @property
    def told_rotation(self) -> int:
        """By how much players have to turn the video."""
        return self.rotation - self.encoded_rotation


class Looks:
    """What is configured: of the camera, and over that of the track."""

    def __init__(
        self, tracks: Sequence[TrackConfig], cameras: Mapping[str, CameraConfig]
    ) -> None:
        self._tracks = {track.name: track for track in tracks}
        self._cameras = cameras

    def change_first(self, track: TrackConfig) -> None:
        """The first track is ``track`` from now on."""
        self._tracks[""] = track

    def of(self, job: Job) -> Look:
        """The look of a new job like this one."""
        look = self._configured(job.record)
        return look if job.record.remake is None else asked(look, job.record.remake)

    def _configured(self, record: JobRecord) -> Look:
        look = Look.of(self._orientation(record.camera))
        track = self._tracks.get(record.track)
        if track is None:
            return look
        turned = (track.flip_horizontal, track.flip_vertical, track.rotation)
        if any(value is not None for value in turned):
            look = Look.of(
                Orientation(
                    bool(track.flip_horizontal),
                    bool(track.flip_vertical),
                    track.rotation or 0,
                )
            )
        return attrs.evolve(
            look,
            caption=track.caption or "",
            progress_bar=track.progress_bar,
            inset=None if track.inset is None else self._inset(track, track.inset),
        )

    def _inset(self, track: TrackConfig, camera: str) -> Inset:
        turned = self._orientation(camera).flips_first()
        return Inset(
            place=track.inset_place,
            width_percent=track.inset_width,
            flip_horizontal=turned.flip_horizontal,
            flip_vertical=turned.flip_vertical,
            rotation=turned.rotation,
        )

    def _orientation(self, name: str) -> Orientation:
        camera = self._cameras.get(name)
        return Orientation() if camera is None else camera.orientation


def asked(look: Look, remake: Remake) -> Look:
    """``look``, but for what was asked; a second camera's pictures are not kept."""
    chosen = {
        name: value
        for name in ("flip_horizontal", "flip_vertical", "rotation")
        if (value := getattr(remake, name)) is not None
    }
    turned = Look.of(attrs.evolve(look.seen, **chosen))
    return attrs.evolve(turned, caption=look.caption, progress_bar=look.progress_bar)


def captions(
    look: Look, frames: Sequence[StoredFrame], record: JobRecord
) -> list[Caption]:
    """One caption a frame, or none where nothing is to be written; raises OSError."""
    if not (look.caption or look.progress_bar):
        return []
    return [_caption(look, frame, record) for frame in frames]


def _caption(look: Look, frame: StoredFrame, record: JobRecord) -> Caption:
    taken_s = frame.path.stat().st_mtime
    done = None
    if frame.layer is not None and record.total_layers:
        done = min(1.0, frame.layer / record.total_layers)
    values: dict[str, Callable[[], str]] = {
        "file": lambda: PurePosixPath(record.filename).stem or UNKNOWN,
        "layer": lambda: UNKNOWN if frame.layer is None else str(frame.layer),
        "layers": lambda: str(record.total_layers or UNKNOWN),
        "percent": lambda: UNKNOWN if done is None else f"{done:.0%}",
        "elapsed": lambda: _hours(taken_s - record.created),
        "date": lambda: time.strftime("%Y-%m-%d", time.localtime(taken_s)),
        "time": lambda: time.strftime("%H:%M", time.localtime(taken_s)),
    }
    text = "".join(
        literal + (values[field]() if field else "")
        for literal, field, _, _ in string.Formatter().parse(look.caption)
    )
    return Caption(text, done if look.progress_bar else None)


def _hours(seconds: float) -> str:
    minutes = max(0, round(seconds)) // 60
    return f"{minutes // 60}:{minutes % 60:02d}"
