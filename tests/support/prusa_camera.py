# A host with a Prusa camera, for tests.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One camera, one Prusa Connect, and engines on one disk, one after the other."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.connect.prusa_camera import dialogue, downloads, turns
from moonraker_prusacam.connect.prusa_camera.camera import PrusaCamera
from moonraker_prusacam.connect.schedule import BackOff
from moonraker_prusacam.print_job import PrintEvent, PrintEventKind, PrintState
from moonraker_prusacam.prusa_camera_options import PrusaCameraConfig
from moonraker_prusacam.secret import Secret
from tests.support.events import Events
from tests.support.mp4 import movie
from tests.support.scripted_viewer import ScriptedCamera

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from moonraker_prusacam.connect.clock import Clock
    from moonraker_prusacam.connect.prusa_camera.job import Job, Phase
    from tests.support.video_server import VideoServer

TOKEN = "aB3_-6789012345678xY"
FINGERPRINT = "0123456789abcdef0123456789abcdef"
VIDEO = movie(frames=25, fps=25, rest=50_000)
SOON_S = 0.05


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for long."""
    monkeypatch.setattr(turns, "RETRY_S", SOON_S)
    monkeypatch.setattr(turns, "NAME_TIMEOUT_S", SOON_S)
    monkeypatch.setattr(dialogue, "POLL_S", SOON_S)
    monkeypatch.setattr(downloads, "RESUME_S", 0.0)

    class Soon(BackOff):
        def next_s(self) -> float:
            return min(super().next_s(), SOON_S)

    monkeypatch.setattr(downloads, "BackOff", Soon)


class PrusaHost:
    """The folders of a host, and the engines that ran on them."""

    def __init__(self, path: Path, server: VideoServer, profile: str) -> None:
        self.path = path
        self.server = server
        self.camera = ScriptedCamera(profile)
        self.events = Events()
        self.options: dict[str, Any] = {
            "profile": profile,
            "fingerprint": Secret(FINGERPRINT),
        }
        self.videos_path = path / "timelapse"
        self.previews: list[Path] = []
        self.clock: Clock | None = None
        self._open: list[PrusaCamera] = []

    async def boot(self, **options: Any) -> PrusaCamera:
        """A new engine, as after the end of the one before."""
        self.events = Events()
        config = PrusaCameraConfig(
            "buddy",
            token=Secret(TOKEN),
            server=self.server.url,
            **{**self.options, **options},
        )
        made = PrusaCamera(
            config,
            self.path / "jobs",
            lambda: self.videos_path,
            self.camera.viewer,
            self.events,
            self._preview,
            self.clock,
        )
        self._open.append(made)
        await made.start()
        return made

    async def _preview(self, video: Path, poster: Path) -> None:
        self.previews.append(video)
        await asyncio.to_thread(poster.write_bytes, b"\xff\xd8preview\xff\xd9")

    async def until_phase(self, phase: Phase, count: int = 1) -> dict[str, Any]:
        """Wait until so many jobs were told to be in ``phase``; the last one."""
        found = await self.events.until(
            lambda: jobs if len(jobs := self.of(phase)) >= count else None
        )
        last: dict[str, Any] = found[-1]
        return last

    def of(self, phase: Phase) -> list[dict[str, Any]]:
        """Each job that was told to be in ``phase``, as it was told last."""
        told = self.events.of("job", status=str(phase))
        return list({event["job"]["id"]: event["job"] for event in told}.values())

    @property
    def videos(self) -> list[str]:
        return sorted(path.name for path in self.videos_path.glob("*"))

    async def aclose(self) -> None:
        for made in self._open:
            await made.aclose()


class Printer:
    """Makes the events of prints, as the component would send them."""

    def __init__(self, camera: PrusaCamera, filename: str = "cube.gcode") -> None:
        self.camera = camera
        self.filename = filename
        self.state = "standby"
        self.layer: int | None = None
        self.total_layers: int | None = 20
        self.started_ns = time.monotonic_ns()

    async def tell(self, kind: str, state: str | None = None, **known: Any) -> None:
        self.state = state or self.state
        now_ns = known.get("now_ns", time.monotonic_ns())
        current = PrintState(
            state=self.state,
            filename=self.filename,
            total_duration_s=(now_ns - self.started_ns) / 1e9,
            layer=self.layer,
            total_layers=self.total_layers,
            file={"slicer": "PrusaSlicer"},
        )
        is_known = not known.get("nothing")
        event = PrintEvent(PrintEventKind(kind), current if is_known else None, now_ns)
        await self.camera.handle(event)

    async def begin(self) -> None:
        self.layer, self.started_ns = None, time.monotonic_ns()
        await self.tell("selected", "standby")
        await self.tell("started", "printing")

    async def end(self, outcome: str = "complete") -> None:
        await self.tell(outcome, outcome)


def only(camera: PrusaCamera) -> Job:
    (job,) = camera.jobs
    return job
