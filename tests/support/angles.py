# Videos of several angles that show what time it is, for tests.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each picture is a white bar that is as long as the time that has passed.

So what a tile shows can be read from its pixels, to a few milliseconds.
"""

from __future__ import annotations

import asyncio
import io
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
from PIL import Image, ImageDraw

from moonraker_prusacam.emulator.video import encode
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.multicam.controller import MultiCamController
from moonraker_prusacam.multicam.controller.delivery import (
    publish_take,
    write_session_sidecar,
)
from moonraker_prusacam.multicam.controller.rendering.tools import VideoTools
from moonraker_prusacam.multicam.controller.rendering.work import Work
from moonraker_prusacam.multicam.controller.session import (
    OUR_TYPE,
    Phase,
    Session,
    Take,
    TakeState,
)
from moonraker_prusacam.multicam.device.movie import Movie
from moonraker_prusacam.multicam.device.ring import RingFrame
from moonraker_prusacam.multicam_options import MultiCamConfig, MultiCamSections
from moonraker_prusacam.orientation import UPRIGHT, Orientation
from moonraker_prusacam.sidecar import read_sidecar
from moonraker_prusacam.video import FFmpeg, Timing, join
from moonraker_prusacam.video.encoders import Encoders
from tests.support.video import pixels_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from moonraker_prusacam.video.grid import Grid
    from moonraker_prusacam.video.picture import Size

SPAN_S = 8.0  # at which the bar is as long as the picture
TARGET = 1_729_000_000.0
TIMEOUT_S = 30.0
CONFIG = MultiCamConfig(
    discover=False,
    record_prints=False,
    reserve_mb=1,
    video="side_by_side",
    video_height=360,
    video_names=False,
)
# Seconds from one frame to the next, as uneven as a camera's.
STEPS_S = (0.033, 0.041, 0.05, 0.0334, 0.06, 0.03)


def bar(time_s: float, size: Size) -> Image.Image:
    width, height = size
    image = Image.new("L", size, 20)
    ImageDraw.Draw(image).rectangle((0, 0, width * time_s / SPAN_S, height), fill=230)
    return image.convert("RGB")


def jpeg_of(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def uneven(begin_s: float, length_s: float) -> list[float]:
    """The times of a camera's frames."""
    times, number = [begin_s], 0
    while times[-1] < begin_s + length_s:
        times.append(times[-1] + STEPS_S[number % len(STEPS_S)])
        number += 1
    return times[:-1]


def record(
    path: Path,
    times_s: Sequence[float],
    size: Size = (320, 180),
    orientation: Orientation = UPRIGHT,
) -> Path:
    """A recording of a camera of ours that shows these times of the axis.

    ``size`` is that of the pictures as viewers see them.
    """
    frames = []
    for number, at_s in enumerate(times_s):
        picture = orientation.unseen(bar(at_s, size))
        first_ns = 10**9 + round((at_s - times_s[0]) * 1e9)
        frames.append(
            RingFrame(number, jpeg_of(picture), first_ns, TARGET + at_s, *picture.size)
        )
    movie = Movie.create(path, frames[0])
    movie.add(frames)
    movie.finish()
    return path


async def film(
    path: Path,
    begin_s: float,
    length_s: float,
    *,
    fps: int = 30,
    size: Size = (320, 180),
    rotation: int = 0,
) -> Path:
    """H.264 of a phone that is held turned by ``rotation``, which players undo."""
    pictures = [
        jpeg_of(bar(begin_s + number / fps, size).rotate(rotation, expand=True))
        for number in range(round(length_s * fps))
    ]
    await asyncio.to_thread(path.write_bytes, await encode(pictures, fps))
    if rotation:
        ffmpeg = FFmpeg(await asyncio.to_thread(find_ffmpeg, None))
        await join(ffmpeg, [path], path, Timing(fps=fps), rotation=rotation)
    return path


@attrs.frozen
class Collected:
    """A device's video; ``offset_s`` None where nobody knows it."""

    video: Path | None
    offset_s: float | None
    name: str = ""
    camera: str = ""
    must_encode: bool = False


async def session_of(
    sessions_path: Path, videos: Path, collected: Sequence[Collected], over_s: float
) -> Session:
    """A session that is over, with what was collected of it."""
    return await asyncio.to_thread(_session, sessions_path, videos, collected, over_s)


def _session(
    sessions_path: Path, videos: Path, collected: Sequence[Collected], over_s: float
) -> Session:
    takes = []
    for number, one in enumerate(collected):
        take = Take(name=one.name or f"cam{number}", host="127.0.0.1", port=1)
        take.clock_offset_s = 0.0
        take.begins = None if one.offset_s is None else TARGET + one.offset_s
        take.is_offset_unknown = one.offset_s is None
        take.device_type = OUR_TYPE
        take.camera = one.camera
        takes.append(take)
    session = Session.create(
        sessions_path, filename="cube.gcode", target=TARGET, takes=takes
    )
    session.record.over = TARGET + over_s
    session.record.outcome = "complete"
    for take, one in zip(takes, collected, strict=True):
        if one.video is None:
            take.fail("it was away")
            continue
        take.suffix, take.size_bytes = one.video.suffix, one.video.stat().st_size
        take.sha256 = "of the recording"
        one.video.rename(session.part(take))
        publish_take(session, take, videos)
        take.state = TakeState.COLLECTED
        take.encoding = Work() if one.must_encode else None
    session.record.phase, session.record.finished = Phase.DONE, time.time()
    write_session_sidecar(session, videos)
    session.save()
    return session


class Studio:
    """A controller over a folder in which everything is collected already."""

    def __init__(self, folder: Path, config: MultiCamConfig, **tools: Any) -> None:
        self.videos, self.sessions = folder / "videos", folder / "sessions"
        self.told: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        tools.setdefault("encoders", Encoders(None, folder / "work"))
        self.controller = MultiCamController(
            MultiCamSections(config),
            config,
            self.sessions,
            lambda: self.videos,
            self._tell,
            tools=VideoTools(**tools),
        )

    def _tell(self, notice: dict[str, Any]) -> None:
        self.told.append(notice)
        self._news.set()

    @property
    def session(self) -> dict[str, Any]:
        return self.controller.sessions[-1]

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def is_over(self) -> bool:
        """Whether all that was to be made is made, or given up."""
        works = [device["encoding"] for device in self.session["devices"]]
        works.append(self.session["video"])
        made = [work for work in works if work]
        return bool(made) and all(work["state"] in ("done", "failed") for work in made)

    async def over(self) -> None:
        await self.until(self.is_over)

    @property
    def video(self) -> Path:
        """The video of all angles."""
        name: str = self.session["video"]["video"]
        return self.videos / name

    async def sidecar(self) -> dict[str, Any]:
        """That of the video of all angles."""
        return await asyncio.to_thread(read_sidecar, self.video)


@asynccontextmanager
async def studio(
    folder: Path, config: MultiCamConfig = CONFIG, **tools: Any
) -> AsyncIterator[Studio]:
    made = Studio(folder, config, **tools)
    await made.controller.start()
    try:
        yield made
    finally:
        await made.controller.aclose()


def place(grid: Grid, number: int) -> tuple[int, int]:
    """Where the upper left corner of a tile is, by the rule that docs tell."""
    row, column = divmod(number, grid.columns)
    width, height = grid.tile
    in_row = min(grid.columns, grid.count - row * grid.columns)
    indent = (grid.columns - in_row) * width // 2
    return indent + column * width, row * height


async def shown(
    video: Path, grid: Grid, number: int, folder: Path, size: Size = (320, 180)
) -> list[float | None]:
    """The time in each tile of frame ``number``; None for one that is black.

    ``size`` is that of the pictures, of which each is as large as its tile allows.
    """
    ffmpeg = FFmpeg(await asyncio.to_thread(find_ffmpeg, None))
    gray = await pixels_of(ffmpeg, video, number, folder)
    width = grid.size[0]
    assert len(gray) == width * grid.size[1]
    tile_width, tile_height = grid.tile
    shape = min(tile_width / size[0], tile_height / size[1])
    seen_width = round(size[0] * shape)
    times: list[float | None] = []
    for tile in range(grid.count):
        left, top = place(grid, tile)
        left += (tile_width - seen_width) // 2
        begin = (top + tile_height // 2) * width + left
        row = gray[begin : begin + seen_width]
        bright = sum(value > 125 for value in row)
        is_black = max(row) < 30 and min(row) < 18
        times.append(None if is_black else bright / seen_width * SPAN_S)
    return times
