# Tests with programs that find a camera where there is none.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole engine, and ffmpeg, with a USB camera that is preloaded into them.

Nothing of Python's is replaced here: what linuxpy's structures look like is compared
with the kernel's own header, from which the camera is made.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import urllib.request
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.camera.sources import Host
from moonraker_prusacam.camera.v4l2 import transcoder
from moonraker_prusacam.camera.v4l2.modes import Mode
from moonraker_prusacam.errors import SourceError, SourceUnavailable, SourceUnfit
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from tests.support import jpeg
from tests.support.command_line import running
from tests.support.processes import program
from tests.support.sources import NOWHERE, Received, source_of
from tests.support.v4l2_camera import (
    DEVICE,
    PICTURE,
    Kind,
    State,
    V4l2Camera,
    needs_compiler,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = needs_compiler

WAIT_S = 20.0
FFMPEG = find_ffmpeg(None)
# A program that is linked at run time names who does that.
IS_STATIC = b"/ld-linux" not in Path(FFMPEG).read_bytes()[:8192]
needs_dynamic_ffmpeg = pytest.mark.skipif(
    IS_STATIC, reason="nothing can be preloaded into this ffmpeg"
)


@pytest.mark.parametrize("pure_python", ["", "1"])
def test_engine_when_a_camera_is_unplugged_and_plugged_in_then_it_goes_on(
    tmp_path: Path, pure_python: str
) -> None:
    camera = V4l2Camera(tmp_path)
    file = tmp_path / "prusacam.conf"
    file.write_text(
        f"[engine]\ndata_path: {tmp_path}\nport: 0\n[camera bed]\nstale_after: 0.5\n"
        f"source: v4l2:{DEVICE}\nresolution: 1920x1080\nfps: 30\n"
        "controls: exposure_absolute=100, exposure_auto=1\n"
    )
    environment = camera.environment | {"PRUSACAM_PURE_PYTHON": pure_python}
    with running(tmp_path, file, environment) as engine:
        engine.wait_for("live: frames arrive")
        assert "gives MJPG 1920x1080 at 30 frames a second" in engine.log
        assert camera.value("exposure_time_absolute") == 100
        found = re.search(r"http://\S+/", engine.log)
        assert found is not None
        with urllib.request.urlopen(f"{found[0]}snapshot.jpg", timeout=5) as answer:
            assert answer.read() == PICTURE
        camera.unplug()
        engine.wait_for("failed: ", DEVICE)
        camera.plug_in()
        engine.log = ""
        engine.wait_for("live: frames arrive")
        assert camera.value("auto_exposure") == 1
        assert engine.stop() == 0
    assert camera.get(State.OPENED) == camera.get(State.CLOSED)
    assert camera.get(State.STARTED) == camera.get(State.STOPPED) >= 2


@pytest.fixture
def preloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[V4l2Camera]:
    """A camera for this process and all that it starts."""
    camera = V4l2Camera(tmp_path)
    for name, value in camera.environment.items():
        monkeypatch.setenv(name, value)
    with camera.installed():
        yield camera


@contextlib.asynccontextmanager
async def received_of(
    host: Host = NOWHERE, **options: object
) -> AsyncIterator[tuple[Received, asyncio.Task[None]]]:
    received = Received()
    of = source_of(f"v4l2:{DEVICE}", host, **options)
    task = asyncio.create_task(of.run(received))
    try:
        yield received, task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def ended(task: asyncio.Task[None]) -> SourceError:
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(SourceError) as caught:
            await task
    return caught.value


@needs_dynamic_ffmpeg
async def test_run_when_a_camera_gives_raw_pictures_then_ffmpeg_makes_jpegs(
    preloaded: V4l2Camera,
) -> None:
    preloaded.set(KIND=Kind.RAW_ONLY)
    async with received_of(resolution=(640, 480), controls=(("brightness", 9),)) as (
        received,
        task,
    ):
        await received.frames(3)
        frame = received.newest
        assert frame is not None
        assert (frame.width, frame.height) == (640, 480)
        assert len(jpeg.pixels(bytes(frame))) == 640 * 480 * 3
        assert preloaded.get(State.FPS) == 15
        assert preloaded.value("brightness") == 9
        preloaded.unplug()
        error = await ended(task)
        assert isinstance(error, SourceUnavailable)
        assert str(error) == f"{DEVICE} was unplugged"


def write_h264(path: Path) -> None:
    """One picture that can be decoded alone."""
    subprocess.run(
        [
            *(FFMPEG, "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=s=1280x720"),
            *("-frames:v", "1", "-c:v", "libx264", "-f", "h264", str(path)),
        ],
        check=True,
        timeout=WAIT_S,
    )


@needs_dynamic_ffmpeg
async def test_run_when_a_camera_gives_h264_then_ffmpeg_decodes_it(
    preloaded: V4l2Camera, tmp_path: Path
) -> None:
    await asyncio.to_thread(write_h264, tmp_path / "camera.jpg")
    preloaded.set(KIND=Kind.H264_ONLY)
    async with received_of(fps=15) as (received, _):
        await received.frames(2)
        assert received.newest is not None
        assert received.newest.width == 1280


@needs_dynamic_ffmpeg
async def test_run_when_ffmpeg_finds_the_camera_busy_then_it_is_said_as_ever(
    preloaded: V4l2Camera,
) -> None:
    preloaded.set(KIND=Kind.RAW_ONLY, IS_BUSY=1)
    async with received_of() as (_, task):
        error = await ended(task)
    assert f"has {DEVICE}" in str(error)
    assert "crowsnest" in error.advice


@pytest.mark.parametrize(
    ("script", "kind", "reason"),
    [
        (
            "echo \"Unknown input format: 'v4l2'\" >&2; exit 1",
            SourceUnfit,
            "it was built without V4L2",
        ),
        (
            "echo 'VIDIOC_STREAMON: No space left on device' >&2; exit 1",
            SourceUnavailable,
            "USB has no room left",
        ),
        ("exit 3", SourceUnavailable, f"which reads {DEVICE}, ended with status 3"),
        (None, SourceUnfit, "gives YUYV, which ffmpeg has to make JPEGs of"),
    ],
)
async def test_run_when_ffmpeg_fails_then_the_reason_is_in_words(
    tmp_path: Path, script: str | None, kind: type[SourceError], reason: str
) -> None:
    camera = V4l2Camera(tmp_path, KIND=Kind.RAW_ONLY)
    ffmpeg = tmp_path / "ffmpeg"
    if script is not None:
        program(ffmpeg, script)
    with camera.installed():
        async with received_of(Host(tmp_path, ffmpeg)) as (_, task):
            error = await ended(task)
    assert type(error) is kind
    assert reason in str(error)


@pytest.mark.parametrize(
    ("mode_fps", "fps", "step", "rate"),
    [(30, 15, 2, "15"), (10, 15, 1, "10"), (30, 10, 3, "10"), (5, 0.5, 10, "0.5")],
)
def test_command_when_the_camera_is_too_fast_then_pictures_are_left_out(
    mode_fps: int, fps: float, step: int, rate: str
) -> None:
    mode = Mode("YUYV", (640, 480), Fraction(1, mode_fps))
    words = transcoder.command("ffmpeg", DEVICE, mode, fps, 80)
    assert f"framestep={step},setpts=N/{rate}/TB" in words
    assert words[words.index("-r") + 1] == rate
    assert words[words.index("-framerate") + 1] == str(mode_fps)
