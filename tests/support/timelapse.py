# Stand-ins for what a timelapse consumes.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera that gives frames at once, and events of a printer in one line each."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.camera import Frame
from moonraker_prusacam.config import (
    CameraConfig,
    Config,
    EngineConfig,
    TimelapseConfig,
    TrackConfig,
)
from moonraker_prusacam.errors import FrameUnavailable
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.print_job import PrintEvent, PrintEventKind, PrintState
from moonraker_prusacam.timelapse import Timelapse
from moonraker_prusacam.video import FFmpeg
from tests.support import jpeg
from tests.support.events import Events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from moonraker_prusacam.timelapse import Job

WAIT_S = 20.0
LOOK_S = 0.01


class StubCamera:
    """Gives a new picture of 64x48 for every request, or none while it is ``gone``.

    Or always ``picture``, if there is one.
    """

    def __init__(self) -> None:
        self.gone = False
        self.holds = 0
        self.picture: bytes | None = None
        self.requests: list[int] = []
        self._asked = asyncio.Condition()

    async def until_asked(self, times: int) -> None:
        """Wait until a frame was asked for so many times."""
        async with asyncio.timeout(WAIT_S), self._asked:
            await self._asked.wait_for(lambda: len(self.requests) >= times)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Count who wants the camera to run."""
        self.holds += 1
        yield
        self.holds -= 1

    def subscribe(self, callback: Callable[[Frame], None]) -> None:
        """Tracks that choose their frames are tested with a real camera."""

    def unsubscribe(self, callback: Callable[[Frame], None]) -> None:
        """See ``subscribe``."""

    async def wait_newer(self, than_ns: int, timeout_s: float) -> Frame:
        """A frame that begins now."""
        assert timeout_s > 0
        async with self._asked:
            self.requests.append(than_ns)
            self._asked.notify_all()
        if self.gone:
            raise FrameUnavailable("the camera is gone")
        now_ns = time.monotonic_ns()
        seq = len(self.requests)
        return Frame(
            data=(
                jpeg.picture(64, 48, seed=seq) if self.picture is None else self.picture
            ),
            seq=seq,
            width=64,
            height=48,
            has_dht=True,
            first_ns=now_ns,
            last_ns=now_ns,
            wall_time=time.time(),
        )


class Printer:
    """Makes the events of one print, as the component would send them."""

    def __init__(self, timelapse: Timelapse, filename: str = "cube.gcode") -> None:
        self.timelapse = timelapse
        self.filename = filename
        self.state = "standby"
        self.layer: int | None = None
        self.total_layers: int | None = None
        self.file: dict[str, str | float] = {}
        self.started_ns = time.monotonic_ns()

    async def tell(self, kind: str, state: str | None = None, **known: Any) -> None:
        """Send an event, with what is known of the print by now."""
        self.state = state or self.state
        now_ns = time.monotonic_ns()
        current = PrintState(
            state=self.state,
            filename=known.get("filename", self.filename),
            total_duration_s=known.get(
                "total_duration_s", (now_ns - self.started_ns) / 1e9
            ),
            layer=self.layer,
            total_layers=self.total_layers,
            print_duration_s=1.0,
            file=self.file,
        )
        known_print = None if known.get("nothing") else current
        event = PrintEvent(PrintEventKind(kind), known_print, now_ns)
        await self.timelapse.handle(event)

    async def begin(self) -> None:
        """What Moonraker sees when a print starts."""
        self.layer, self.started_ns = None, time.monotonic_ns()
        await self.tell("selected", "standby")
        await self.tell("started", "printing")

    async def print_layers(self, first: int, last: int) -> None:
        """Layers as print_stats reports them."""
        for self.layer in range(first, last + 1):
            await self.tell("layer")

    async def call_macro(self, layer: int | None) -> bool:
        """What PRUSACAM_TIMELAPSE_FRAME does."""
        return await self.timelapse.take_frame(layer, time.monotonic_ns())


async def until(condition: Any) -> None:
    """Wait for what files tell; ``condition`` is called in a thread."""
    async with asyncio.timeout(WAIT_S):
        while True:
            if await asyncio.to_thread(condition):
                return
            await asyncio.sleep(LOOK_S)


def frame_names(job: Job) -> list[str]:
    """The names of the frames on disk."""
    return sorted(path.name for path in job.path.glob("frame-*.jpg"))


def videos(folder: Path) -> list[str]:
    """The names of the finished videos."""
    return sorted(path.name for path in folder.glob("*.mp4"))


class Host:
    """The folders of one host, and the Timelapse that runs on them."""

    def __init__(self, path: Path) -> None:
        self.jobs_path = path / "jobs"
        self.videos_path = path / "timelapse"
        self.camera = StubCamera()
        self.path = path
        self.inset = StubCamera()
        self.front = CameraConfig(name="front", source="tcp://bedcam")
        self.side = CameraConfig(name="side", source="tcp://sidecam")
        self.config = TimelapseConfig(style="plain", frame_delay_s=0)
        self.events = Events()
        self._open: list[Timelapse] = []

    async def boot(
        self, *tracks: TrackConfig, start: bool = True, **options: Any
    ) -> Timelapse:
        """A new engine, as after a crash of the one before."""
        self.events = Events()
        config = Config(
            EngineConfig(data_path=self.path),
            (self.front, self.side),
            timelapse=attrs.evolve(
                self.config,
                jobs_path=self.jobs_path,
                output_path=self.videos_path,
                **options,
            ),
            tracks=tracks,
        )
        timelapse = Timelapse(
            config, {"front": self.camera, "side": self.inset}, self.events
        )
        self._open.append(timelapse)
        if start:
            await timelapse.start()
        return timelapse

    async def frames(self, count: int) -> None:
        await self.events.until(lambda: len(self.events.of("frame")) >= count)

    async def rendered(self, status: str = "success") -> dict[str, Any]:
        (event,) = await self.events.until(
            lambda: self.events.of("render", status=status)
        )
        job: dict[str, Any] = event["job"]
        return job

    async def frames_in(self, video: str) -> int:
        ffmpeg = await asyncio.to_thread(find_ffmpeg, None)
        encoder = FFmpeg(ffmpeg)
        return await encoder.count_decoded(self.videos_path / video)

    async def aclose(self) -> None:
        for timelapse in self._open:
            await timelapse.aclose()
