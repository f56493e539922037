# Prints by script, in processes that may be killed.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A print that goes on while engines die: each child takes it up where it is.

``Stage`` starts a process that has everything imported; it forks a child for each run.
Each picture shows the number of its layer in bars, so that a video can be read.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from PIL import Image

from moonraker_prusacam.camera import Frame
from moonraker_prusacam.config import (
    CameraConfig,
    Config,
    EngineConfig,
    TimelapseConfig,
)
from moonraker_prusacam.errors import FrameUnavailable
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.timelapse import JobState, Timelapse
from moonraker_prusacam.video import staging
from moonraker_prusacam.video.ffmpeg import file_url
from tests.support.events import Events
from tests.support.forked_runs import ForkedRuns, serve
from tests.support.kill_points import KillPoints
from tests.support.timelapse import Printer

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.timelapse import Job

BARS, BAR_WIDTH, HEIGHT = 8, 8, 48
WIDTH = BARS * BAR_WIDTH
PATCHED = {
    "timelapse.sealer.FRAMES_PER_SEGMENT": 2,
    "timelapse.sealer.HURRIED_FRAMES": 2,
    "disk.MIN_FREE_BYTES": 0,
}
RUN_TIMEOUT_S = 40
FILENAME = "cube.gcode"


@attrs.frozen(kw_only=True)
class Script:
    """What is printed, and with which options."""

    layers: int = 5
    prints: int = 1
    gone: tuple[int, ...] = ()  # layers at which the camera gives nothing
    apart: bool = False  # jobs and videos on two file systems
    rotation: int = 0
    options: dict[str, Any] = attrs.Factory(dict)

    @property
    def steps(self) -> list[tuple[int, str, int]]:
        """The number of the print, what happens, and at which layer."""
        return [
            (number, what, layer)
            for number in range(self.prints)
            for what, layer in (
                ("begin", 0),
                *(("layer", layer) for layer in range(1, self.layers + 1)),
                ("complete", self.layers),
            )
        ]

    @property
    def shown(self) -> list[int]:
        """The layers that each video shows, frame by frame."""
        shown: list[int] = []
        for layer in range(1, self.layers + 1):
            shown.append(shown[-1] if layer in self.gone else layer)
        held = round(self.options.get("hold_s", 0) * TimelapseConfig().fps)
        return shown + [shown[-1]] * held


@attrs.frozen
class Run:
    """How one process ended; ``position`` is the step that the print had reached."""

    status: int
    position: int
    stored: tuple[tuple[int, int], ...]  # print and layer
    rendered: int
    passed: tuple[str, ...]
    said: str

    @property
    def is_killed(self) -> bool:
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == 9


@cache
def layer_picture(layer: int) -> bytes:
    """A JPEG that shows the bits of ``layer`` as bars."""
    bits = [235 if layer >> bit & 1 else 20 for bit in range(BARS)]
    row = bytes(value for value in bits for _ in range(BAR_WIDTH))
    out = io.BytesIO()
    Image.frombytes("L", (WIDTH, HEIGHT), row * HEIGHT).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def layers_shown(video: Path) -> list[int]:
    """The layers that the pictures of ``video`` show, each of them decoded."""
    program = find_ffmpeg(None)
    command = [program, "-loglevel", "error", "-noautorotate", "-i", file_url(video)]
    command += ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    raw = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    row = WIDTH * (HEIGHT // 2)
    middles = [row + BAR_WIDTH * bar + BAR_WIDTH // 2 for bar in range(BARS)]
    return [
        sum((raw[begin + at] > 128) << bit for bit, at in enumerate(middles))
        for begin in range(0, len(raw), WIDTH * HEIGHT)
    ]


class LayerCamera:
    """Shows the layer that is printed; gives nothing while it is gone."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.layer = 0

    hold = nullcontext

    def subscribe(self, callback: Callable[[Frame], None]) -> None:
        """Nobody chooses here."""

    unsubscribe = subscribe

    async def wait_newer(self, than_ns: int, timeout_s: float) -> Frame:
        assert timeout_s > 0
        assert than_ns > 0
        if self.layer in self.script.gone:
            raise FrameUnavailable("the camera is gone")
        now_ns = time.monotonic_ns()
        return Frame(
            data=layer_picture(self.layer),
            seq=1,
            width=WIDTH,
            height=HEIGHT,
            has_dht=True,
            first_ns=now_ns,
            last_ns=now_ns,
            wall_time=time.time(),
        )


class IdleEvent(asyncio.Event):
    """Tells when somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = asyncio.Event()

    async def wait(self) -> Any:
        if not self.is_set():
            self.idle.set()
        return await super().wait()

    def set(self) -> None:
        self.idle.clear()
        super().set()


class IdleQueue(asyncio.Queue[Any]):
    """Tells when somebody waits for an item."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = asyncio.Event()

    async def get(self) -> Any:
        if self.empty():
            self.idle.set()
        return await super().get()

    def put_nowait(self, item: Any) -> None:
        self.idle.clear()
        super().put_nowait(item)


class _Play:
    """One process: an engine, from its start to the end of the script."""

    def __init__(
        self, root: Path, script: Script, began_ns: int, say: Callable[[str], None]
    ) -> None:
        self._script = script
        self._say = say
        self._camera = LayerCamera(script)
        self._began_ns = began_ns
        self._events = Events()
        self._print = 0
        front = CameraConfig(
            name="front", source="tcp://bedcam", rotation=script.rotation
        )
        config = Config(
            EngineConfig(data_path=root),
            (front,),
            timelapse=TimelapseConfig(style="plain", frame_delay_s=0, **script.options),
        )
        self._timelapse = Timelapse(config, {"front": self._camera}, self._tell)
        self._sealer = self._timelapse._sealer
        self._renderer = self._timelapse._renderer
        self._sealer._stored = self._sealed = IdleEvent()
        self._renderer._waiting = self._rendered = IdleQueue()

    def _tell(self, event: dict[str, Any]) -> None:
        if event["event"] == "frame" and event["status"] == "success":
            self._say(f"stored {self._print} {event['layer']}")
        if event["event"] == "render" and event["status"] == "success":
            self._say("rendered")
        self._events(event)

    async def play(self, position: int) -> None:
        """Go on from the step that the print is at, to the end."""
        steps = self._script.steps
        self._print = steps[position][0]
        self._camera.layer = steps[position][2]
        await self._timelapse.start()
        printer = Printer(self._timelapse, FILENAME)
        is_first = True
        for at, (number, what, layer) in enumerate(steps[position:], position):
            self._say(f"step {at}")
            self._print, self._camera.layer = number, layer
            # Each print begins a minute after the one before.
            printer.started_ns = self._began_ns + number * 60_000_000_000
            printer.layer = layer or None
            state = "complete" if what == "complete" else "printing"
            kind = {"begin": "started"}.get(what, what)
            await printer.tell("sync" if is_first else kind, state)
            is_first = False
            if what != "complete" or at + 1 == len(steps):
                await self._quiet()
        while any(not _is_done(job) for job in self._timelapse.jobs):
            await self._events.until(self._is_over)
            await self._quiet()
        await self._rendered.idle.wait()
        self._say("end")
        await self._timelapse.aclose()

    def _is_over(self) -> bool:
        return all(_is_done(job) for job in self._timelapse.jobs)

    async def _quiet(self) -> None:
        """Until everything is stored, and sealed, that there is."""
        recording = self._timelapse._recording
        for recorder in recording._recorders if recording else ():
            await recorder._triggers.join()
        await self._sealed.idle.wait()


def _is_done(known: Job) -> bool:
    return known.record.state in (JobState.DONE, JobState.FAILED)


def _child(request: dict[str, Any], descriptor: int) -> None:
    root = Path(request["root"])
    script = Script(**request["script"])
    os.environ["TMPDIR"] = tempfile.tempdir = str(root / "tmp")
    for name, value in PATCHED.items():
        module, _, constant = name.rpartition(".")
        setattr(sys.modules[f"moonraker_prusacam.{module}"], constant, value)
    staging.SESSION = secrets.token_hex(4)  # as every process has its own
    apart = (root / "prusacam" / "jobs", root / "timelapse") if script.apart else None

    def say(line: str) -> None:
        os.write(descriptor, line.encode() + b"\n")

    points = KillPoints(root, request["end"], apart)
    points.install()
    signal.alarm(RUN_TIMEOUT_S)
    play = _Play(root, script, request["began_ns"], say)
    asyncio.run(play.play(request["position"]))
    say("passed " + json.dumps(points.passed))


class Stage(ForkedRuns):
    """A process that runs scripts, each in a child of its own."""

    def __init__(self, log: Path) -> None:
        super().__init__("tests.support.scripted_print", log, RUN_TIMEOUT_S)

    async def run(
        self,
        root: Path,
        script: Script,
        *,
        end: str | None,
        position: int,
        began_ns: int,
    ) -> Run:
        """Play ``script`` from ``position`` on; until the step ``end``, if there is."""
        request = {
            "root": str(root),
            "script": attrs.asdict(script),
            "end": end,
            "position": position,
            "began_ns": began_ns,
        }
        status, said = await self.ask(request)
        return _told(status, said, position)


def _told(status: int, said: str, position: int) -> Run:
    lines = [line.partition(" ")[::2] for line in said.splitlines()]
    values = dict(lines)  # the last of each
    stored = [value.split() for name, value in lines if name == "stored"]
    return Run(
        status=status,
        position=int(values.get("step", position)),
        stored=tuple((int(number), int(layer)) for number, layer in stored),
        rendered=sum(name == "rendered" for name, _ in lines),
        passed=tuple(json.loads(values.get("passed", "[]"))),
        said=said,
    )


if __name__ == "__main__":
    serve(_child)
