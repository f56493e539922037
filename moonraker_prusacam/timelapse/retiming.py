# Finished videos at another speed.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times a finished video anew, in its place or beside it, one video at a time.

It takes no frames, only the video: nothing is encoded but a hold. What is in the folder
of videos is whole at any moment.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.errors import TimelapseError, TimelapseOptionError
from moonraker_prusacam.mp4 import read_track
from moonraker_prusacam.naming import unused
from moonraker_prusacam.publishing import publish
from moonraker_prusacam.sidecar import PRODUCT, made_now, read_sidecar, save_sidecar
from moonraker_prusacam.version import __version__
from moonraker_prusacam.video import EncodeSettings, Tags, Timing, retime
from moonraker_prusacam.video.codec import codec_named

from .sidecar import described

if TYPE_CHECKING:
    from moonraker_prusacam.config import TimelapseConfig
    from moonraker_prusacam.video import Retimed

    from .encoder import Encoder
    from .library import Library, Video

ENDING = "_retimed"
MOST_CRF = 51
WORK_PREFIX = ".retiming-"


@attrs.frozen(kw_only=True)
class Retiming:
    """What is to change: the rate, by ``fps`` or ``target_length_s``, or the hold.

    ``target_length_s`` counts where both are given.
    """

    fps: float | None = None
    target_length_s: float | None = None
    hold_s: float | None = None

    def timing(self, config: TimelapseConfig) -> Timing | None:
        """The new rate, None for that of now; raises TimelapseOptionError."""
        if self == Retiming():
            raise TimelapseOptionError("give the fps, the target length or the hold")
        if self.target_length_s is not None:
            return Timing(
                target_length_s=self.target_length_s,
                min_fps=config.min_fps,
                max_fps=config.max_fps,
            )
        return None if self.fps is None else Timing(fps=self.fps)


class Retimer:
    """Retimes videos of ``library``; files under way are in folders of ``jobs_path``.

    A kill leaves these, named ``WORK_PREFIX``.
    """

    def __init__(
        self,
        library: Library,
        encoder: Encoder,
        config: TimelapseConfig,
        jobs_path: Path,
    ) -> None:
        self._library = library
        self._encoder = encoder
        self._config = config
        self._jobs_path = jobs_path
        self._turn = asyncio.Lock()

    async def retime(self, name: str, wanted: Retiming, *, copy: bool) -> Video:
        """Retime a video, or a copy of it; raises TimelapseError."""
        timing = wanted.timing(self._config)
        async with self._turn:
            video = await self._library.find(name)
            try:
                made = await asyncio.to_thread(
                    mkdtemp, prefix=WORK_PREFIX, dir=self._jobs_path
                )
                folder = Path(made)
                try:
                    return await self._make(video, timing, wanted.hold_s, folder, copy)
                finally:
                    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            except OSError as error:
                raise TimelapseError(f"{name}: {error.strerror}") from error

    async def _make(
        self,
        video: Video,
        timing: Timing | None,
        hold_s: float | None,
        folder: Path,
        copy: bool,
    ) -> Video:
        new = folder / "new.mp4"
        known = await asyncio.to_thread(video.path.stat)
        content = await asyncio.to_thread(read_sidecar, video.path)
        track = await asyncio.to_thread(read_track, video.path)
        # The sidecar may be from before the last retiming, the frames shown are not.
        held = track.frames - (video.shown or track.frames)
        made = await retime(
            await self._encoder.ffmpeg(),
            video.path,
            new,
            timing,
            held=max(0, held),
            hold_s=hold_s,
            settings=encoding(content),
            tags=tags(video, content),
        )
        async with self._library.turn:
            current = await self._library.find(video.name)  # nobody has removed it
            now = await asyncio.to_thread(current.path.stat)
            if now.st_mtime_ns != known.st_mtime_ns:
                raise TimelapseError(f"{video.name} was changed meanwhile")
            path = await asyncio.to_thread(_publish, new, current, made, copy)
        return await self._library.find(path.name)


def tags(video: Video, content: dict[str, Any]) -> Tags:
    """The tags that the renderer gave to ``video``."""
    start = content.get("job", {}).get("start")
    is_number = isinstance(start, int | float) and 0 <= start < 1e11
    return Tags(
        title=PurePosixPath(video.filename).stem,
        comment=f"{PRODUCT} {__version__}",
        created=float(start) if is_number else video.made.time_s,
    )


def encoding(content: dict[str, Any]) -> EncodeSettings:
    """How the sidecar says that the pictures were encoded."""
    known = content.get("encoding")
    told = known if isinstance(known, dict) else {}
    crf, codec = told.get("crf"), codec_named(told.get("encoder"))
    if isinstance(crf, int | float) and 0 <= crf <= MOST_CRF:
        return EncodeSettings(crf=crf, codec=codec)
    return EncodeSettings(codec=codec)


def _publish(new: Path, video: Video, made: Retimed, copy: bool) -> Path:
    """Put the new video where the UIs look; what goes with a copy first.

    In place the video comes first: of the two, its sidecar can be a moment too old.
    """
    content = read_sidecar(video.path)
    content["video"] = described(made.result, made.held)
    if not copy:
        publish(new, video.path)
        save_sidecar(video.path, content)
        return video.path
    folder = video.path.parent
    path = folder / unused(folder, f"{video.path.stem}{ENDING}{video.path.suffix}")
    if video.path.with_suffix(".jpg").exists():
        shutil.copyfile(video.path.with_suffix(".jpg"), path.with_suffix(".jpg"))
    save_sidecar(path, content | {"pinned": False, "made": made_now()})
    publish(new, path)
    return path
