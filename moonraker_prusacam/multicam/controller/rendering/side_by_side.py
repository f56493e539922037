# All angles in one picture.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the videos of a session side by side, piece by piece.

A piece is a few seconds of all angles: a tile of each, one after the other, then the
tiles as one picture. Pieces are whole on the disk, so that a kill, a print or a power
cut costs one of them. A video that cannot be read any further stays at its last
picture, and the others go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import attrs
import cattrs

from moonraker_prusacam.durable import write_file
from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.mp4 import read_times, read_track
from moonraker_prusacam.records import read_record
from moonraker_prusacam.sidecar import PRODUCT
from moonraker_prusacam.version import __version__
from moonraker_prusacam.video import Tags, Timing, join
from moonraker_prusacam.video.caption import can_caption
from moonraker_prusacam.video.codec import LIBX264, codec_named
from moonraker_prusacam.video.grid import stack
from moonraker_prusacam.video.passthrough import PartSettings
from moonraker_prusacam.video.tile import Excerpt, TileShape, make_blank_tile, make_tile

from .plan import Plan, make_plan
from .publication import Made, is_rendered, make_preview, publish_video

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from moonraker_prusacam.disk import DiskGuard
    from moonraker_prusacam.mp4 import FrameTimes
    from moonraker_prusacam.multicam.controller.session import Session
    from moonraker_prusacam.multicam_options import MultiCamConfig

    from .plan import Angle
    from .tools import VideoTools
    from .work import Work

log = logging.getLogger(__name__)

FOLDER = "video"
PLAN = "plan.json"
VIDEO, PREVIEW = "video.tmp.mp4", "preview.tmp.jpg"


class SideBySide:
    """One video on its way; each step can be done again."""

    def __init__(
        self,
        session: Session,
        work: Work,
        tools: VideoTools,
        config: MultiCamConfig,
        videos_path: Callable[[], Path],
        disk: DiskGuard,
    ) -> None:
        self.work = work
        self.title = "the video of all angles"
        self._session = session
        self._tools = tools
        self._config = config
        self._videos_path = videos_path
        self._disk = disk
        self._folder = session.path / FOLDER
        self._plan: Plan | None = None
        self._draws_names = False
        self._times: dict[str, FrameTimes] = {}
        self.done = self.total = 0

    @property
    def plan(self) -> Plan:
        """What is seen when; there is one after ``prepare``."""
        assert self._plan is not None  # noqa: S101
        return self._plan

    @property
    def is_hardware(self) -> bool:
        """Whether the video is encoded by another than libx264."""
        return self._plan is not None and self._plan.codec != LIBX264.name

    async def prepare(self) -> None:
        """Find out what is to be done, and what was; raises RenderError and OSError."""
        plan = await asyncio.to_thread(
            make_plan,
            self._session,
            self._videos_path(),
            self._config,
            self._tools,
        )
        known = await asyncio.to_thread(_known_plan, self._folder / PLAN)
        if known is not None and known.fits(plan):
            self._plan = known
        else:
            await asyncio.to_thread(self.discard)
            chosen = await self._tools.encoders.choose(
                plan.grid.size, self._tools.encoder
            )
            plan.codec = chosen.name
            self._plan = plan
            await asyncio.to_thread(self._save)
        ffmpeg = await self._tools.encoders.ffmpeg()
        self._draws_names = self._config.video_names and await can_caption(
            ffmpeg, self._tools.font
        )
        self.total = self.plan.pieces
        self.done = await asyncio.to_thread(self._count)

    async def step(self) -> None:
        """Make the next piece; raises RenderError and OSError."""
        plan = self.plan
        first = self.done * plan.piece_frames
        frames = min(plan.piece_frames, plan.frames - first)
        clips = []
        for number, angle in enumerate(plan.angles):
            clip = self._folder / f"tile-{number:02d}.mp4"
            await self._tile(number, angle, first, frames, clip)
            clips.append(clip)
        await stack(
            await self._tools.encoders.ffmpeg(),
            clips,
            plan.grid,
            self._piece(self.done),
            PartSettings(crf=plan.crf, codec=codec_named(plan.codec)),
            fps=plan.fps,
            frames=frames,
        )
        self.done += 1

    async def finish(self) -> None:
        """Join the pieces and put the video where the UIs look.

        Raises RenderError, TimelapseError and OSError.
        """
        session, plan, folder = self._session, self.plan, self._videos_path()
        if not await asyncio.to_thread(is_rendered, session, self.work, folder):
            ffmpeg = await self._tools.encoders.ffmpeg()
            record = session.record
            result = await join(
                ffmpeg,
                [self._piece(number) for number in range(self.total)],
                self._folder / VIDEO,
                Timing(fps=plan.fps),
                tags=Tags(
                    title=PurePosixPath(record.filename).stem,
                    comment=f"{PRODUCT} {__version__}",
                    created=record.target or record.created,
                ),
            )
            preview = self._folder / PREVIEW
            await make_preview(ffmpeg, result.path, preview)
            made = Made(
                video=result.path,
                preview=preview,
                frames=result.frames,
                fps=float(result.fps),
                duration_s=result.duration_s,
            )
            await asyncio.to_thread(
                publish_video, session, self.work, plan, made, folder
            )
        await asyncio.to_thread(self.discard)

    def room_bytes(self) -> int:
        """What ``finish`` takes of the disk, about; raises OSError."""
        pieces = (self._piece(number) for number in range(self.done))
        return sum(piece.stat().st_size for piece in pieces)

    def discard(self) -> None:
        """Remove all that is not the video."""
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _tile(
        self, number: int, angle: Angle, first: int, frames: int, clip: Path
    ) -> None:
        """The tile of one angle; one that fails twice stays as it was last."""
        plan, held = self.plan, self._folder / f"held-{number:02d}.mp4"
        begin_s = first / plan.fps - angle.begin_s
        name = angle.name if self._draws_names else ""
        shape = TileShape(frames, plan.fps, plan.grid.tile, name)
        if not angle.reason:
            try:
                await self._attempt(angle, begin_s, shape, clip)
            except RenderError as error:
                # A full disk is nobody's fault among the videos.
                if await asyncio.to_thread(self._disk.lacking_for, 0):
                    raise
                log.warning("MultiCam: the video of %s: %s", angle.name, error)
                angle.reason = f"from {max(0.0, begin_s):.0f} s on: {error}"
                with contextlib.suppress(FileNotFoundError):
                    await asyncio.to_thread(clip.replace, held)
                await asyncio.to_thread(self._save)
            else:
                return
        if all(angle.reason for angle in plan.angles):
            raise RenderError(f"none of the videos can be read: {angle.reason}")
        ffmpeg, font = await self._tools.encoders.ffmpeg(), self._tools.font
        if not await asyncio.to_thread(held.exists):
            await make_blank_tile(ffmpeg, shape, clip, font=font)
            return
        times = await asyncio.to_thread(read_times, held)
        last = Excerpt(
            held, times, times.last_s, shape.size
        )  # the name is on it already
        await make_tile(ffmpeg, last, attrs.evolve(shape, name=""), clip)

    async def _attempt(
        self, angle: Angle, begin_s: float, shape: TileShape, clip: Path
    ) -> None:
        """Make the tile, a second time where it fails; raises RenderError."""
        ffmpeg, font = await self._tools.encoders.ffmpeg(), self._tools.font
        video = self._videos_path() / angle.video
        if (times := self._times.get(angle.name)) is None:
            try:
                times = await asyncio.to_thread(read_times, video)
            except OSError as error:
                raise RenderError(f"{video.name}: {error.strerror}") from error
            self._times[angle.name] = times
        size = angle.width, angle.height
        excerpt = Excerpt(video, times, begin_s, size, angle.orientation)
        try:
            complaint = await make_tile(ffmpeg, excerpt, shape, clip, font=font)
        except RenderError:
            complaint = await make_tile(ffmpeg, excerpt, shape, clip, font=font)
        if complaint and not angle.warning:
            angle.warning = f"near {max(0.0, begin_s):.0f} s: {complaint}"
            await asyncio.to_thread(self._save)

    def _piece(self, number: int) -> Path:
        return self._folder / f"piece-{number:06d}.mp4"

    def _count(self) -> int:
        """How many pieces, without a gap, are there and whole."""
        plan = self.plan
        for number in range(plan.pieces):
            first = number * plan.piece_frames
            try:
                frames = read_track(self._piece(number)).frames
            except (OSError, RenderError):
                return number
            if frames != min(plan.piece_frames, plan.frames - first):
                return number
        return plan.pieces

    def _save(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(cattrs.unstructure(self.plan), indent=1)
        write_file(self._folder / PLAN, text.encode())


def _known_plan(file: Path) -> Plan | None:
    """That of an earlier run; None where there is none that can be read."""
    try:
        return read_record(file, Plan)
    except (OSError, ValueError):
        return None
