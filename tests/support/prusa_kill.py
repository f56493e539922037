# A print with a Prusa camera whose engine can be killed at any step.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays one print in a child process that ends at a step of what it does to the disk.

The camera lives longer than the engine, in a file. It records what it is told to, and
has a video at once when it is asked for one.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.connect.download import part
from moonraker_prusacam.connect.prusa_camera import dialogue, turns
from moonraker_prusacam.connect.prusa_camera.camera import PrusaCamera
from moonraker_prusacam.connect.signaling.messages import Status, VideoState
from moonraker_prusacam.prusa_camera_options import PrusaCameraConfig
from moonraker_prusacam.secret import Secret
from tests.support.events import Events
from tests.support.forked_runs import ForkedRuns, serve
from tests.support.kill_points import KillPoints
from tests.support.prusa_camera import FINGERPRINT, TOKEN, Printer
from tests.support.scripted_viewer import ScriptedCamera, ScriptedViewer

if TYPE_CHECKING:
    from moonraker_prusacam.connect.prusa_camera.job import Job

RUN_TIMEOUT_S = 30
JPEG = b"\xff\xd8preview\xff\xd9"


def camera_file(root: Path) -> Path:
    """Where the camera beside the host ``root`` keeps what it knows."""
    return root.with_name(f"camera-{root.name}.json")


class FileCamera(ScriptedCamera):
    """Keeps in a file what it was told, and the state of its video."""

    def __init__(self, file: Path) -> None:
        super().__init__("seed")
        self._file = file
        self.makes_videos = False

    @property
    def known(self) -> dict[str, Any]:
        if not self._file.exists():
            return {"video": "IDLE", "told": []}
        known: dict[str, Any] = json.loads(self._file.read_bytes())
        return known

    def note(self, *call: Any) -> None:
        """What would be lost with a kill is on its card before it answers."""
        name, value = call
        known = self.known
        if name != "status":
            known["told"].append([name, value])
        if name == "name":
            known["video"] = "IDLE"
        if name == "video":
            known["video"] = "DONE"
        self.status = Status(video=VideoState[known["video"]])
        new = self._file.with_suffix(".new")
        new.write_bytes(json.dumps(known).encode())
        new.replace(self._file)


@attrs.frozen
class Run:
    """How one process ended, and the step of the print that it had reached."""

    status: int
    position: int
    passed: tuple[str, ...]
    said: str

    @property
    def is_killed(self) -> bool:
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == 9


async def _preview(_video: Path, poster: Path) -> None:
    await asyncio.to_thread(poster.write_bytes, JPEG)


async def _play(request: dict[str, Any], say: Any) -> None:
    root, events = Path(request["root"]), Events()
    keeper = FileCamera(Path(request["camera"]))
    config = PrusaCameraConfig(
        "buddy",
        token=Secret(TOKEN),
        fingerprint=Secret(FINGERPRINT),
        server=request["server"],
        profile="seed",
    )
    camera = PrusaCamera(
        config,
        root / "jobs",
        lambda: root / "timelapse",
        lambda jwt: ScriptedViewer(keeper, jwt),
        events,
        _preview,
    )

    def jobs() -> list[Job]:
        return list(camera.jobs)

    await camera.start()
    printer = Printer(camera)
    printer.started_ns = request["began_ns"]
    if request["position"] == 0:
        await printer.tell("sync", "printing")
        await events.until(lambda: any(job.record.is_prepared for job in jobs()))
        say("step 1")
        await printer.tell("complete", "complete")
    else:
        await printer.tell("sync", "complete")
    await events.until(lambda: all(job.phase == "done" for job in jobs()))
    await camera.aclose()
    say("end")


def _child(request: dict[str, Any], descriptor: int) -> None:
    turns.RETRY_S = dialogue.POLL_S = 0.05
    part.SYNC_BYTES = 16 << 10

    def say(line: str) -> None:
        os.write(descriptor, line.encode() + b"\n")

    points = KillPoints(Path(request["root"]), request["end"])
    points.install()
    signal.alarm(RUN_TIMEOUT_S)
    asyncio.run(_play(request, say))
    say("passed " + json.dumps(points.passed))


class Stage(ForkedRuns):
    """A process that plays prints, each in a child of its own."""

    def __init__(self, log: Path, server: str) -> None:
        super().__init__("tests.support.prusa_kill", log, RUN_TIMEOUT_S)
        self._server = server

    async def play(self, root: Path, *ends: str) -> list[Run]:
        """One print; each engine is killed at its step of ``ends``, the last is not."""
        began_ns = time.monotonic_ns()
        runs: list[Run] = []
        position = 0
        for end in (*ends, None):
            runs.append(await self._run(root, end, position, began_ns))
            position = runs[-1].position
            if not runs[-1].is_killed:
                break
        return runs

    async def _run(
        self, root: Path, end: str | None, position: int, began_ns: int
    ) -> Run:
        request = {
            "root": str(root),
            "camera": str(camera_file(root)),
            "server": self._server,
            "end": end,
            "position": position,
            "began_ns": began_ns,
        }
        status, said = await self.ask(request)
        values = dict(line.partition(" ")[::2] for line in said.splitlines())
        return Run(
            status=status,
            position=int(values.get("step", position)),
            passed=tuple(json.loads(values.get("passed", "[]"))),
            said=said,
        )


if __name__ == "__main__":
    serve(_child)
