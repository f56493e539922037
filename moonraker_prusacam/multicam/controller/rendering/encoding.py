# The recording of a camera of ours so that browsers play it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces a video of JPEGs by H.264 of the same frames at the same times.

Part by part, which stay on the disk over kills. The recording is replaced by one
rename, when all of it is there; whatever fails before leaves it as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import math
import shutil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import attrs
import cattrs

from moonraker_prusacam.durable import write_file
from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.mp4 import JPEG, read_times, read_track
from moonraker_prusacam.orientation import Orientation  # noqa: TC001 - attrs resolves it
from moonraker_prusacam.publishing import publish
from moonraker_prusacam.records import read_record
from moonraker_prusacam.sidecar import PRODUCT, read_sidecar, save_sidecar
from moonraker_prusacam.version import __version__
from moonraker_prusacam.video import Tags
from moonraker_prusacam.video.codec import LIBX264, codec_named
from moonraker_prusacam.video.passthrough import PartSettings, encode_part, join_parts

from .plan import collected_video, orientation
from .publication import make_preview

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from moonraker_prusacam.mp4 import FrameTimes
    from moonraker_prusacam.multicam.controller.session import Session, Take

    from .tools import VideoTools
    from .work import Work

PART_FRAMES = 600
PLAN = "plan.json"
VIDEO, PREVIEW = "video.tmp.mp4", "preview.tmp.jpg"
HASHED_BYTES = 1 << 20


@attrs.define(kw_only=True)
class EncodingPlan:
    """Of what the parts on the disk were made, and how."""

    size_bytes: int
    mtime_ns: int
    crf: float
    orientation: Orientation
    codec: str = ""


class Encoding:
    """One recording on its way; each step can be done again."""

    def __init__(
        self,
        session: Session,
        take: Take,
        work: Work,
        tools: VideoTools,
        videos_path: Callable[[], Path],
    ) -> None:
        self.work = work
        self.title = f"the video of {take.name}"
        self._session = session
        self._take = take
        self._tools = tools
        self._videos_path = videos_path
        self._folder = session.path / f"h264-{session.record.takes.index(take):02d}"
        self._orientation = orientation(take, tools)
        self._codec = ""
        self._times: FrameTimes | None = None
        self._is_replaced = False
        self.done = self.total = 0

    @property
    def is_hardware(self) -> bool:
        """Whether the video is encoded by another than libx264."""
        return self._codec not in ("", LIBX264.name)

    async def prepare(self) -> None:
        """Find out what is to be done, and what was; raises RenderError and OSError."""
        video = await asyncio.to_thread(self._video)
        self._times = times = await asyncio.to_thread(read_times, video)
        self._is_replaced = times.codec != JPEG
        if self._is_replaced:
            return
        track = await asyncio.to_thread(read_track, video)
        known = await asyncio.to_thread(video.stat)
        if known.st_size != self._take.size_bytes:
            raise RenderError(f"{video.name} was changed since it was collected")
        plan = EncodingPlan(
            size_bytes=known.st_size,
            mtime_ns=known.st_mtime_ns,
            crf=self._tools.crf,
            orientation=self._orientation,
        )
        before = await asyncio.to_thread(_known_plan, self._folder / PLAN)
        if before is not None and attrs.evolve(before, codec="") == plan:
            self._codec = before.codec
        else:
            await asyncio.to_thread(self.discard)
            size = track.width, track.height
            chosen = await self._tools.encoders.choose(size, self._tools.encoder)
            self._codec = plan.codec = chosen.name
            await asyncio.to_thread(self._save, plan)
        self.total = math.ceil(len(times.begins) / PART_FRAMES)
        self.done = await asyncio.to_thread(self._count)

    async def step(self) -> None:
        """Encode the next part; raises RenderError and OSError."""
        assert self._times is not None  # noqa: S101
        first = self.done * PART_FRAMES
        await encode_part(
            await self._tools.encoders.ffmpeg(),
            await asyncio.to_thread(self._video),
            self._times,
            first,
            min(PART_FRAMES, len(self._times.begins) - first),
            self._part(self.done),
            self._settings,
        )
        self.done += 1

    async def finish(self) -> None:
        """Replace the recording; raises RenderError, TimelapseError and OSError."""
        assert self._times is not None  # noqa: S101
        if not self._is_replaced:
            record = self._session.record
            ffmpeg = await self._tools.encoders.ffmpeg()
            new = self._folder / VIDEO
            await join_parts(
                ffmpeg,
                [self._part(number) for number in range(self.total)],
                self._times,
                range(0, len(self._times.begins), PART_FRAMES),
                new,
                Tags(
                    title=PurePosixPath(record.filename).stem,
                    comment=f"{PRODUCT} {__version__}",
                    created=record.target or record.created,
                ),
            )
            await make_preview(ffmpeg, new, self._folder / PREVIEW)
            async with self._tools.turn:
                await asyncio.to_thread(self._replace, new)
        async with self._tools.turn:
            await asyncio.to_thread(self._tell)
        await asyncio.to_thread(self.discard)

    def room_bytes(self) -> int:
        """What ``finish`` takes of the disk, about; raises OSError."""
        return sum(self._part(number).stat().st_size for number in range(self.done))

    def discard(self) -> None:
        """Remove all that is not the video."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _settings(self) -> PartSettings:
        return PartSettings(
            crf=self._tools.crf,
            codec=codec_named(self._codec),
            orientation=self._orientation,
        )

    def _video(self) -> Path:
        return collected_video(self._session, self._take, self._videos_path())

    def _part(self, number: int) -> Path:
        return self._folder / f"part-{number:06d}.mp4"

    def _count(self) -> int:
        """How many parts, without a gap, are there and whole."""
        assert self._times is not None  # noqa: S101
        for number in range(self.total):
            first = number * PART_FRAMES
            try:
                frames = read_track(self._part(number)).frames
            except (OSError, RenderError):
                return number
            if frames != min(PART_FRAMES, len(self._times.begins) - first):
                return number
        return self.total

    def _replace(self, new: Path) -> None:
        """Put the new video in the place of the recording."""
        take, video = self._take, self._video()
        if read_times(video).codec != JPEG or video.stat().st_size != take.size_bytes:
            raise RenderError(f"{video.name} was changed meanwhile")
        made, preview = self._folder / PREVIEW, video.with_suffix(".jpg")
        if made.exists() and not preview.exists():
            publish(made, preview)
        publish(new, video)

    def _tell(self) -> None:
        """Note in record and sidecar what the video is now, and what it was."""
        take, video = self._take, self._video()
        size_bytes, sha256 = video.stat().st_size, _sha256(video)
        if take.sha256 != sha256:
            take.recorded_bytes = take.recorded_bytes or take.size_bytes
            take.recorded_sha256 = take.recorded_sha256 or take.sha256
            take.size_bytes, take.sha256 = size_bytes, sha256
            self._session.save()
        content = read_sidecar(video)
        if content:
            content["video"] = _table(content, "video") | {"bytes": size_bytes}
            content["multicam"] = _table(content, "multicam") | {
                "bytes": size_bytes,
                "sha256": sha256,
                "recorded_bytes": take.recorded_bytes,
                "recorded_sha256": take.recorded_sha256,
            }
            content["encoding"] = {
                "encoder": self._codec or None,
                "crf": self._tools.crf,
            }
            save_sidecar(video, content)

    def _save(self, plan: EncodingPlan) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(cattrs.unstructure(plan))
        write_file(self._folder / PLAN, text.encode())


def is_of_jpegs(session: Session, take: Take, folder: Path) -> bool:
    """Whether there is something to encode in the video of ``take``."""
    with contextlib.suppress(RenderError, OSError):
        return read_times(collected_video(session, take, folder)).codec == JPEG
    return False


def _known_plan(file: Path) -> EncodingPlan | None:
    """That of an earlier run; None where there is none that can be read."""
    try:
        return read_record(file, EncodingPlan)
    except (OSError, ValueError):
        return None


def _sha256(video: Path) -> str:
    digest = hashlib.sha256()
    with video.open("rb") as file:
        while octets := file.read(HASHED_BYTES):
            digest.update(octets)
    return digest.hexdigest()


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}
