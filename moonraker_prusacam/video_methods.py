# What the control socket can do with finished videos and jobs that wait.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Methods over the library of videos and the queue; docs/api.md describes each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import TimelapseError
from .parameters import Parameters, refusal
from .records import IDENTITY
from .timelapse import summary
from .timelapse.library import summary as video_summary
from .timelapse.remake import Remake
from .timelapse.retention import report
from .timelapse.retiming import Retiming
from .timelapse.unrendered import queue

if TYPE_CHECKING:
    from .app import Engine
    from .control.peer import Handler
    from .timelapse import Timelapse

# As in the configuration.
LEAST_FPS, MOST_FPS = 1.0, 120.0
LEAST_LENGTH_S, MOST_LENGTH_S = 0.1, 3600.0
MOST_HOLD_S = 60.0
MOST_CRF = 51.0
TIMING = ("fps", "target_length", "hold")
TURNING = ("rotation", "flip_horizontal", "flip_vertical")


class VideoMethods:
    """Handlers over an engine, by the name of their method."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def table(self) -> dict[str, Handler]:
        """All methods by name."""
        return {
            "timelapse.videos": self.videos,
            "timelapse.queue": self.queue,
            "timelapse.render": self.render,
            "timelapse.discard": self.discard,
            "timelapse.pin": self.pin,
            "timelapse.remove": self.remove,
            "timelapse.retime": self.retime,
            "timelapse.rerender": self.rerender,
            "timelapse.retention": self.retention,
        }

    async def videos(self, params: dict[str, Any]) -> dict[str, Any]:
        """The finished videos, by their names."""
        Parameters(params)
        videos = await self._timelapse.library.videos()
        return {"videos": [video_summary(video) for video in videos]}

    async def queue(self, params: dict[str, Any]) -> dict[str, Any]:
        """The jobs that are over and have no video yet, the oldest first."""
        Parameters(params)
        return {"jobs": await queue(self._timelapse.jobs)}

    async def render(self, params: dict[str, Any]) -> dict[str, Any]:
        """Render a job that waits; else end the recording, or try again.

        Prusa cameras that record are asked for their videos as well.
        """
        given = Parameters(params, "job")
        if "job" in params:
            return {"job": summary(await self._timelapse.render(_identity(given)))}
        cameras = self._engine.prusa_cameras.values()
        is_asked = any([await camera.end_job() for camera in cameras])
        try:
            return {"job": summary(await self._timelapse.render(None))}
        except TimelapseError:
            if is_asked:
                return {"job": None}
            raise

    async def discard(self, params: dict[str, Any]) -> dict[str, Any]:
        """Give up a job that waits, and its frames."""
        identity = _identity(Parameters(params, "job"))
        return {"job": summary(await self._timelapse.discard(identity))}

    async def pin(self, params: dict[str, Any]) -> dict[str, Any]:
        """Keep a video for ever, or no longer."""
        given = Parameters(params, "video", "pinned")
        name, pinned = given.text("video"), given.boolean("pinned")
        library = self._timelapse.library
        video = await library.pin(name, pinned=True if pinned is None else pinned)
        return {"video": video_summary(video)}

    async def remove(self, params: dict[str, Any]) -> dict[str, Any]:
        """Remove a video, and what goes with it."""
        name = Parameters(params, "video").text("video")
        return {"video": video_summary(await self._timelapse.library.remove(name))}

    async def retime(self, params: dict[str, Any]) -> dict[str, Any]:
        """Give a video another speed or end; answers when it is there."""
        given = Parameters(params, "video", *TIMING, "copy")
        video = await self._timelapse.remaker.retime(
            given.text("video"),
            _timing(given),
            copy=given.boolean("copy") or False,
        )
        return {"video": video_summary(video)}

    async def rerender(self, params: dict[str, Any]) -> dict[str, Any]:
        """Render a video again from its saved frames; the job that does."""
        given = Parameters(params, "video", *TIMING, "crf", *TURNING, "copy")
        timing = _timing(given)
        remake = Remake(
            video=given.text("video"),
            in_place=not given.boolean("copy"),
            fps=timing.fps,
            target_length_s=timing.target_length_s,
            hold_s=timing.hold_s,
            crf=given.number("crf", 0.0, MOST_CRF),
            rotation=given.choice("rotation", 0, 90, 180, 270),
            flip_horizontal=given.boolean("flip_horizontal"),
            flip_vertical=given.boolean("flip_vertical"),
        )
        return {"job": summary(await self._timelapse.remaker.rerender(remake))}

    async def retention(self, params: dict[str, Any]) -> dict[str, Any]:
        """What is too old, too much or in the way; removed unless ``dry_run``."""
        dry_run = Parameters(params, "dry_run").boolean("dry_run")
        retention = self._timelapse.retention
        if dry_run is None or dry_run:
            return {"dry_run": True} | report(await retention.plan())
        return {"dry_run": False} | report(await retention.expire())

    @property
    def _timelapse(self) -> Timelapse:
        if self._engine.timelapse is None:
            raise TimelapseError("there is no [timelapse] section")
        return self._engine.timelapse


def _identity(given: Parameters) -> str:
    identity = given.text("job")
    if not IDENTITY.fullmatch(identity):
        raise refusal("'job' is not the id of a job")
    return identity


def _timing(given: Parameters) -> Retiming:
    fps = given.number("fps", LEAST_FPS, MOST_FPS)
    length_s = given.number("target_length", LEAST_LENGTH_S, MOST_LENGTH_S)
    if fps is not None and length_s is not None:
        raise refusal("give either 'fps' or 'target_length', not both")
    hold_s = given.number("hold", 0.0, MOST_HOLD_S)
    return Retiming(fps=fps, target_length_s=length_s, hold_s=hold_s)
