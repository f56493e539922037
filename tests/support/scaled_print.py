# A long print by interval, in a process whose clock runs fast.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hours of a hyperlapse in seconds: real files, real segments, and what they take.

The event loop and everybody who asks for the time live ``scale`` times as fast, but for
the moments in which a frame goes to the disk: one that others keep busy may need
longer for it than an interval lasts here. ffmpeg does not live faster, so that frames
come more densely than they ever would.
"""

from __future__ import annotations

import asyncio
import json
import selectors
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.camera import Frame
from moonraker_prusacam.config import (
    CameraConfig,
    Config,
    EngineConfig,
    TimelapseConfig,
)
from moonraker_prusacam.timelapse import JobState, Timelapse
from tests.support.scripted_print import BARS, HEIGHT, WIDTH, layer_picture
from tests.support.timelapse import Printer

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE_EVERY = 20
PAGE_BYTES = 4096
ROOMS = ("moonraker_prusacam.timelapse", "moonraker_prusacam.video")


@attrs.frozen
class Sample:
    """What the process and its job take after ``frames``."""

    frames: int
    resident_bytes: int
    descriptors: int
    job_bytes: int
    job_files: int


@attrs.frozen
class Outcome:
    """A whole print; ``taken`` are the frames that the camera gave."""

    taken: int
    gaps: int
    video: str
    samples: list[Sample]


class FastClock:
    """Seconds that pass ``factor`` times as fast as real ones, which it may change."""

    def __init__(self) -> None:
        self._monotonic = time.monotonic
        self._real_s = self._shown_s = self._monotonic()
        self._factor = 1.0

    @property
    def factor(self) -> float:
        return self._factor

    @factor.setter
    def factor(self, factor: float) -> None:
        self._shown_s, self._real_s = self.now_s(), self._monotonic()
        self._factor = factor

    def now_s(self) -> float:
        return self._shown_s + (self._monotonic() - self._real_s) * self._factor


class FastSelector(selectors.DefaultSelector):
    """Waits as long as its loop means."""

    def __init__(self, clock: FastClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout > 0:
            timeout /= self._clock.factor
        return super().select(timeout)


class CountingCamera:
    """Shows how many frames it gave; slows the clock while it gives one."""

    def __init__(self, clock: FastClock) -> None:
        self.given = 0
        self._clock = clock

    hold = nullcontext

    def subscribe(self, callback: Callable[[Frame], None]) -> None:
        """Nobody chooses here."""

    unsubscribe = subscribe

    async def wait_newer(self, than_ns: int, timeout_s: float) -> Frame:
        assert timeout_s > 0
        self.given += 1
        self._clock.factor = 1.0
        now_ns = max(than_ns, time.monotonic_ns())
        return Frame(
            data=layer_picture(self.given % (1 << BARS)),
            seq=self.given,
            width=WIDTH,
            height=HEIGHT,
            has_dht=True,
            first_ns=now_ns,
            last_ns=now_ns,
            wall_time=time.time(),
        )


def sample(frames: int, folder: Path) -> Sample:
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    sizes = []
    for path in folder.iterdir():
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue
    return Sample(frames, resident, descriptors, sum(sizes), len(sizes))


async def record(
    root: Path, frames: int, interval_s: float, clock: FastClock, scale: float
) -> Outcome:
    """Print until the camera gave so many frames; then make the video."""
    camera = CountingCamera(clock)
    samples: list[Sample] = []
    told = asyncio.Condition()
    told_frames = 0

    async def wake() -> None:
        async with told:
            told.notify_all()

    def notify(event: dict[str, Any]) -> None:
        nonlocal told_frames
        if event["event"] == "frame":
            told_frames += 1
            clock.factor = scale
        asyncio.get_running_loop().create_task(wake()).add_done_callback(
            lambda task: task.result()
        )

    config = Config(
        EngineConfig(data_path=root),
        (CameraConfig(name="front", source="tcp://bedcam"),),
        timelapse=TimelapseConfig(
            style="plain", frame_delay_s=0, trigger="interval", interval_s=interval_s
        ),
    )
    timelapse = Timelapse(config, {"front": camera}, notify)
    await timelapse.start()
    printer = Printer(timelapse, "long.gcode")
    await printer.begin()
    await printer.print_layers(1, 1)
    job = timelapse.active
    assert job is not None
    for until in range(SAMPLE_EVERY, frames + 1, SAMPLE_EVERY):
        async with told:
            await told.wait_for(lambda until=until: told_frames >= until)  # type: ignore[misc]
        samples.append(await asyncio.to_thread(sample, told_frames, job.path))
    await printer.tell("complete", "complete")
    async with told:
        await told.wait_for(
            lambda: job.record.state in (JobState.DONE, JobState.FAILED)
        )
    await timelapse.aclose()
    assert job.record.video is not None, job.record.error
    return Outcome(camera.given, job.record.gaps, job.record.video, samples)


def main(root: str, frames: str, interval_s: str, scale: str) -> None:
    """Live fast, and print what came of it as JSON."""
    clock, factor = FastClock(), float(scale)
    for module in list(sys.modules.values()):
        if module.__name__.startswith(ROOMS):
            # ffmpeg has as long as it has in real time.
            for name in [name for name in vars(module) if name.endswith("TIMEOUT_S")]:
                setattr(module, name, getattr(module, name) * factor)
    time.monotonic = clock.now_s
    time.monotonic_ns = lambda: int(clock.now_s() * 1e9)
    loop = asyncio.SelectorEventLoop(FastSelector(clock))
    loop.time = clock.now_s  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        print_it = record(Path(root), int(frames), float(interval_s), clock, factor)
        outcome = runner.run(print_it)
    sys.stdout.write(json.dumps(attrs.asdict(outcome)))


if __name__ == "__main__":
    main(*sys.argv[1:])
