# Tests of the source for USB cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a camera at a USB port can do, and what the source makes of it."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from linuxpy.video import raw

from moonraker_prusacam.camera import Camera
from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.sources import open_source, v4l2
from moonraker_prusacam.camera.sources.v4l2 import V4l2Source
from moonraker_prusacam.camera.v4l2 import trouble
from moonraker_prusacam.camera.v4l2.device import Identity
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.errors import (
    SourceError,
    SourceRefused,
    SourceStalled,
    SourceUnavailable,
    SourceUnfit,
)
from tests.support import jpeg
from tests.support.sources import NOWHERE, Received, source_of
from tests.support.v4l2_camera import (
    DEVICE,
    OPEN,
    PICTURE,
    Kind,
    State,
    V4l2Camera,
    needs_compiler,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = needs_compiler

SHORT_S = 0.2
WAIT_S = 10.0
# An executor may take a new one although another is about to be idle.
MOST_IDLE_THREADS = 2


@pytest.fixture
def camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[V4l2Camera]:
    """A camera whose pictures are the parameter; everything of it is given back."""
    nodes = tmp_path / "by-id"
    nodes.mkdir()
    monkeypatch.setattr(trouble, "BY_ID", nodes)
    camera = V4l2Camera(tmp_path, getattr(request, "param", PICTURE))
    with camera.installed():
        yield camera
    assert camera.is_released


def source(**options: Any) -> V4l2Source:
    options = {"fps": 60, "resolution": (640, 480), **options}
    made = source_of(f"v4l2:{DEVICE}", NOWHERE, **options)
    assert isinstance(made, V4l2Source)
    return made


class Running:
    """A source that runs, and what it lets be received."""

    def __init__(self, of: V4l2Source, received: Received) -> None:
        self.received = received
        self.task = asyncio.create_task(of.run(received))

    async def fails(self) -> SourceError:
        async with asyncio.timeout(WAIT_S):
            with pytest.raises(SourceError) as caught:
                await self.task
        return caught.value


@pytest.fixture
async def run(camera: V4l2Camera) -> AsyncIterator[Any]:
    """Starts sources, and ends them."""
    begun: list[Running] = []

    def begin(of: V4l2Source, error: Exception | None = None) -> Running:
        begun.append(Running(of, Received(error)))
        return begun[-1]

    yield begin
    for running in begun:
        running.task.cancel()
        await asyncio.wait([running.task])


async def released(camera: V4l2Camera) -> None:
    """Wait until nobody holds anything of the camera."""
    async with asyncio.timeout(WAIT_S):
        while not camera.is_released:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


def held() -> tuple[int, int]:
    """Descriptors and threads of this process."""
    own = Path("/proc/self")
    return len(list((own / "fd").iterdir())), len(list((own / "task").iterdir()))


async def failure(of: V4l2Source) -> SourceError:
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(SourceError) as caught:
            await of.run(Received())
    return caught.value


async def test_run_when_a_camera_is_there_then_its_pictures_come_untouched(
    camera: V4l2Camera, run: Any
) -> None:
    camera_source = source()
    running = run(camera_source)
    await running.received.frames(5)
    newest = running.received.newest
    assert newest is not None
    assert bytes(newest) == PICTURE
    assert camera.get(State.LOST) == 0
    assert camera_source.model == "Emulated: HD Camera"
    assert list(running.received.attempt.durations_s) == [
        Stage.REACHABLE,
        Stage.AUTHENTICATED,
    ]


@pytest.mark.parametrize("camera", [jpeg.without_dht(PICTURE)], indirect=True)
async def test_camera_when_a_picture_has_no_tables_then_it_gets_them(
    camera: V4l2Camera,
) -> None:
    config = CameraConfig("bed", source=f"v4l2:{DEVICE}", fps=60)
    of = Camera(config, open_source(config, NOWHERE))
    of.start()
    try:
        frame = await of.wait_newer(0, WAIT_S)
        assert jpeg.pixels(bytes(frame)) == jpeg.pixels(PICTURE)
    finally:
        await of.aclose()


async def test_run_when_cancelled_at_any_moment_then_everything_is_given_back(
    camera: V4l2Camera,
) -> None:
    camera.set(DELAY_MS=10)
    for moment in range(12):
        received = Received()
        task = asyncio.create_task(source().run(received))
        await asyncio.sleep(moment * 0.006)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert camera.is_released, moment
    assert camera.get(State.STARTED) > 0


async def test_run_when_cancelled_again_and_again_then_it_lets_go_before_it_ends(
    camera: V4l2Camera,
) -> None:
    camera.set(DELAY_MS=30)
    received = Received()
    task = asyncio.create_task(source().run(received))
    await received.frames(1)
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.005)
    assert task.cancelled()
    assert camera.is_released


@pytest.mark.parametrize("error", [TimeoutError, ConnectionError, ValueError])
async def test_run_when_a_consumer_fails_then_its_error_is_not_the_cameras(
    camera: V4l2Camera, error: type[Exception]
) -> None:
    with pytest.raises(error, match="in the consumer"):
        await source().run(Received(error("in the consumer")))


# --- modes


@pytest.mark.parametrize(
    ("kind", "resolution", "fps", "mode"),
    [
        (Kind.WEBCAM, None, 0, (1280, 720, 15)),
        (Kind.WEBCAM, (1920, 1080), 30, (1920, 1080, 30)),
        (Kind.WEBCAM, (4000, 3000), 24, (1920, 1080, 30)),
        (Kind.WEBCAM, (700, 500), 12, (640, 480, 15)),
        (Kind.WEBCAM, (800, 600), 5, (800, 600, 30)),
        (Kind.STEPWISE, (1000, 562), 25, (992, 560, 25)),
        (Kind.STEPWISE, (8000, 8000), 120, (2592, 1944, 90)),
        (Kind.STEPWISE, (16, 16), 0.5, (64, 48, 10)),
    ],
)
async def test_run_when_a_mode_is_asked_for_then_the_nearest_one_is_used(
    camera: V4l2Camera,
    run: Any,
    kind: Kind,
    resolution: tuple[int, int] | None,
    fps: float,
    mode: tuple[int, int, int],
) -> None:
    camera.set(KIND=kind)
    await run(source(resolution=resolution, fps=fps)).received.frames(1)
    used = (State.WIDTH, State.HEIGHT, State.FPS)
    assert tuple(map(camera.get, used)) == mode


async def test_log_when_a_mode_is_not_there_then_it_says_once_what_is(
    camera: V4l2Camera, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    of = source(resolution=(1600, 900), fps=25)
    for _ in range(3):
        running = run(of)
        await running.received.frames(1)
        running.task.cancel()
        await asyncio.wait([running.task])
    told = [record for record in caplog.records if record.name == v4l2.__name__]
    assert [(record.levelname, record.getMessage()) for record in told] == [
        (
            "WARNING",
            (
                "Camera bed: Emulated: HD Camera gives MJPG 1920x1080 at 30 frames a "
                "second: it has no 1600x900 at 25 frames a second, but 640x480 (60, "
                "30, 15, 5), 1920x1080 (30, 15, 5), 1280x720 (30, 15, 10), 800x600 (30)"
            ),
        )
    ]


async def test_log_when_the_mode_is_as_wanted_then_it_is_no_warning(
    camera: V4l2Camera, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await run(source(resolution=(1280, 720), fps=15)).received.frames(1)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "INFO",
            "Camera bed: Emulated: HD Camera gives MJPG 1280x720 at 15 frames a second",
        )
    ]


# --- controls


async def test_controls_when_the_camera_is_plugged_in_again_then_they_are_set_again(
    camera: V4l2Camera, run: Any
) -> None:
    of = source(controls=(("focus_absolute", 35), ("focus_automatic_continuous", 0)))
    for _ in range(3):
        running = run(of)
        await running.received.frames(1)
        assert camera.value("focus_automatic_continuous") == 0
        assert camera.value("focus_absolute") == 35
        camera.unplug()
        await running.fails()
        camera.plug_in()


async def test_controls_when_some_are_wrong_then_pictures_come_and_it_is_told_once(
    camera: V4l2Camera, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    of = source(controls=(("brightnes", 3), ("brightness", 7), ("privacy", 1)))
    for _ in range(2):
        running = run(of)
        await running.received.frames(1)
        running.task.cancel()
        await asyncio.wait([running.task])
    assert camera.value("brightness") == 7
    (record,) = caplog.records
    told = record.getMessage()
    assert told.startswith("Camera bed, controls: there is no brightnes (did you mean")
    assert "privacy=1: it can only be read" in told


async def test_controls_when_the_camera_goes_meanwhile_then_that_is_the_reason(
    camera: V4l2Camera,
) -> None:
    camera.fail(raw.IOC.S_EXT_CTRLS, errno.ENODEV)
    error = await failure(source(controls=(("brightness", 7),)))
    assert str(error) == f"{DEVICE} was unplugged"


async def test_controls_when_the_camera_refuses_one_then_pictures_come(
    camera: V4l2Camera, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    camera.fail(raw.IOC.S_EXT_CTRLS, errno.EIO)
    await run(source(controls=(("brightness", 7),))).received.frames(1)
    assert "brightness=7: the camera refuses it (Input/output error)" in caplog.text


# --- what can be wrong with a device


async def test_run_when_there_is_no_camera_then_others_are_named(
    camera: V4l2Camera,
) -> None:
    camera.unplug()
    error = await failure(source())
    assert isinstance(error, SourceUnavailable)
    assert str(error) == f"{DEVICE} is not there"
    assert error.advice == "is the camera plugged in? There is no USB camera at all"
    (trouble.BY_ID / "usb-Other-video-index0").touch()
    (trouble.BY_ID / "usb-Other-video-index1").touch()
    error = await failure(source())
    other = f"{trouble.BY_ID}/usb-Other-video-index0"
    assert error.advice == f"is the camera plugged in? There is {other}"


@pytest.mark.parametrize(
    ("call", "number", "kind", "reason", "advice"),
    [
        (OPEN, errno.EACCES, SourceRefused, "has no right to open", "sudo usermod -aG"),
        (OPEN, errno.ENXIO, SourceUnavailable, "was unplugged", "goes on by itself"),
        (OPEN, errno.EMFILE, SourceUnavailable, "Too many open files", ""),
        (raw.IOC.QUERYCAP, errno.ENOTTY, SourceUnfit, "is no video device", ""),
        (raw.IOC.S_FMT, errno.EIO, SourceUnavailable, "does not answer", "unplug it"),
        (raw.IOC.S_PARM, errno.EIO, SourceUnavailable, "does not answer", "unplug it"),
        (raw.IOC.REQBUFS, errno.EBUSY, SourceUnavailable, "another program has", ""),
        (raw.IOC.REQBUFS, errno.ENOMEM, SourceUnavailable, "no memory left", "lower"),
        (raw.IOC.QUERYBUF, errno.EIO, SourceUnavailable, "does not answer", ""),
        (raw.IOC.QBUF, errno.EIO, SourceUnavailable, "does not answer", ""),
        (raw.IOC.DQBUF, errno.EIO, SourceUnavailable, "does not answer", "good cable"),
        (raw.IOC.STREAMON, errno.ENOSPC, SourceUnavailable, "USB has no room", "hub"),
        (raw.IOC.STREAMON, errno.ETIMEDOUT, SourceUnavailable, "does not answer", ""),
        (raw.IOC.STREAMON, errno.EINVAL, SourceUnavailable, "STREAMON: Invalid", ""),
    ],
)
async def test_run_when_a_call_fails_then_the_reason_is_in_words(
    camera: V4l2Camera,
    call: int,
    number: int,
    kind: type[SourceError],
    reason: str,
    advice: str,
) -> None:
    camera.fail(call, number)
    error = await failure(source())
    assert type(error) is kind
    assert reason in str(error)
    assert DEVICE in str(error)
    assert advice in error.advice
    assert error.advice


@pytest.mark.parametrize("call", [raw.IOC.S_PARM, raw.IOC.G_PARM])
async def test_run_when_a_driver_has_no_choice_of_rates_then_pictures_come(
    camera: V4l2Camera, run: Any, call: int
) -> None:
    camera.fail(call, errno.ENOTTY)
    await run(source()).received.frames(1)


@pytest.mark.parametrize(
    "call",
    [raw.IOC.ENUM_FRAMESIZES, raw.IOC.ENUM_FRAMEINTERVALS, raw.IOC.QUERY_EXT_CTRL],
)
async def test_run_when_a_driver_has_no_such_list_then_pictures_come(
    camera: V4l2Camera, run: Any, call: int
) -> None:
    camera.fail(call, errno.ENOTTY)
    await run(source(controls=(("brightness", 7),))).received.frames(1)


@pytest.mark.parametrize(
    ("kind", "reason", "advice"),
    [
        (Kind.METADATA, "gives the camera's metadata", "use the camera's first node"),
        (Kind.DISPLAY, "is no camera, but Emulated: HD Camera", "is the camera plug"),
        (Kind.MULTIPLANAR, "is a part of the board (unicam)", "exec:rpicam-vid"),
        (Kind.SENSOR, "gives pRAA: nothing that can be read", "exec:rpicam-vid"),
        (Kind.DEPTH, "gives Z16: nothing that can be read", "MJPG, YUYV or H264"),
    ],
)
async def test_run_when_a_node_gives_no_pictures_then_it_says_what_it_is(
    camera: V4l2Camera, kind: Kind, reason: str, advice: str
) -> None:
    camera.set(KIND=kind)
    error = await failure(source())
    assert isinstance(error, SourceUnfit)
    assert reason in str(error)
    assert advice in error.advice


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("/dev/v4l/by-id/usb-A-video-index1", "use /dev/v4l/by-id/usb-A-video-index0"),
        ("/dev/video1", "use {}/usb-B-video-index0, {}/usb-C-video-index0"),
    ],
)
def test_check_when_a_node_gives_metadata_then_that_of_the_pictures_is_named(
    camera: V4l2Camera, path: str, advice: str
) -> None:
    for name in ("usb-B", "usb-C"):
        (trouble.BY_ID / f"{name}-video-index0").touch()
        (trouble.BY_ID / f"{name}-video-index1").touch()
    identity = Identity("uvcvideo", "A", "usb-1", raw.Capability.META_CAPTURE)
    with pytest.raises(SourceUnfit) as caught:
        trouble.check(identity, path)
    assert caught.value.advice == advice.format(trouble.BY_ID, trouble.BY_ID)


async def test_run_when_another_program_has_the_camera_then_it_is_named(
    camera: V4l2Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.set(IS_BUSY=1)
    for number, name, opened in ((7, "sshd", "/dev/null"), (812, "ustreamer", DEVICE)):
        process = tmp_path / "proc" / str(number)
        (process / "fd").mkdir(parents=True)
        (process / "fd" / "3").symlink_to(opened)
        (process / "comm").write_text(f"{name}\n")
    (tmp_path / "proc" / "meminfo").touch()
    monkeypatch.setattr(trouble, "PROCESSES", tmp_path / "proc")
    error = await failure(source())
    assert str(error) == f"ustreamer (process 812) has {DEVICE}"
    assert "crowsnest" in error.advice


async def test_run_when_two_sections_name_one_camera_then_the_other_is_named(
    camera: V4l2Camera, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(source()).received.frames(1)
    process = tmp_path / "proc" / str(os.getpid())
    (process / "fd").mkdir(parents=True)
    for number in ("3", "4"):
        (process / "fd" / number).symlink_to(DEVICE)
    monkeypatch.setattr(trouble, "PROCESSES", tmp_path / "proc")
    error = await failure(source())
    assert str(error) == f"another [camera] section has {DEVICE}"


# --- what can happen to a stream


async def test_run_when_the_camera_is_unplugged_then_it_says_so_and_lets_go(
    camera: V4l2Camera, run: Any
) -> None:
    running = run(source())
    await running.received.frames(2)
    camera.unplug()
    error = await running.fails()
    assert isinstance(error, SourceUnavailable)
    assert str(error) == f"{DEVICE} was unplugged"
    assert camera.is_released


@pytest.mark.parametrize(
    ("state", "kind", "reason"),
    [
        ({"IS_FROZEN": 1}, SourceStalled, "has sent no picture for"),
        ({"EMPTY_EACH": 1}, SourceStalled, "has sent no picture for"),
        ({"DAMAGED_EACH": 1}, SourceStalled, "all pictures .* come damaged"),
    ],
)
@pytest.mark.parametrize("from_the_start", [True, False])
async def test_run_when_no_whole_picture_comes_then_it_is_stalled(
    camera: V4l2Camera,
    run: Any,
    monkeypatch: pytest.MonkeyPatch,
    state: dict[str, int],
    kind: type[SourceError],
    reason: str,
    from_the_start: bool,
) -> None:
    monkeypatch.setattr(v4l2, "READ_TIMEOUT_S", SHORT_S)
    if from_the_start:
        camera.set(**state)
    running = run(source())
    if not from_the_start:
        await running.received.frames(1)
        camera.set(**state)
    error = await running.fails()
    assert type(error) is kind
    with pytest.raises(kind, match=reason):
        raise error


@pytest.mark.parametrize("camera", [b"GIF89a" * 500], indirect=True)
async def test_run_when_what_comes_is_no_jpeg_then_it_is_unfit(
    camera: V4l2Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(v4l2, "READ_TIMEOUT_S", SHORT_S)
    error = await failure(source())
    assert isinstance(error, SourceUnfit)
    assert "calls JPEG is none" in str(error)


async def test_run_when_some_pictures_are_damaged_or_empty_then_the_others_come(
    camera: V4l2Camera, run: Any
) -> None:
    camera.set(DAMAGED_EACH=3, EMPTY_EACH=4)
    received = run(source()).received
    await received.frames(12)
    stats = received.scanner.stats
    assert stats.bytes_in == stats.frames * len(PICTURE)
    assert stats.truncated == stats.junk_bytes == 0


CUT = PICTURE[: len(PICTURE) // 2]


@pytest.mark.parametrize("camera", [CUT + PICTURE], indirect=True)
async def test_run_when_a_picture_is_cut_short_then_the_next_one_is_whole(
    run: Any,
) -> None:
    received = run(source()).received
    await received.frames(3)
    assert bytes(received.newest) == PICTURE
    stats = received.scanner.stats
    assert stats.truncated >= stats.frames


@pytest.mark.parametrize("camera", [PICTURE + bytes(4096)], indirect=True)
async def test_run_when_pictures_have_padding_then_it_is_left_out(run: Any) -> None:
    received = run(source()).received
    await received.frames(3)
    assert bytes(received.newest) == PICTURE


async def test_run_when_a_camera_is_slow_then_nothing_of_it_is_waited_for_on_the_loop(
    camera: V4l2Camera, run: Any
) -> None:
    camera.set(DELAY_MS=200)
    # V4l2Camera fails each call on the loop that may take so long.
    await run(source()).received.frames(2)


async def test_camera_when_it_is_unplugged_200_times_then_nothing_is_left(
    camera: V4l2Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moonraker_prusacam.camera.camera.FIRST_DELAY_S", 0.002)
    monkeypatch.setattr("moonraker_prusacam.camera.camera.LAST_DELAY_S", 0.004)
    config = CameraConfig(
        "bed", source=f"v4l2:{DEVICE}", fps=200, controls=(("brightness", 7),)
    )
    camera.set(KIND=Kind.STEPWISE)  # which has a fast mode
    before = (0, 0)
    of = Camera(config, open_source(config, NOWHERE))
    of.start()
    try:
        for time in range(200):
            before_ns = 0 if of.newest is None else of.newest.last_ns
            await of.wait_newer(before_ns + 1, WAIT_S)
            camera.unplug()
            await released(camera)
            if time == 20:
                before = held()
            camera.plug_in()
        camera.unplug()
        await released(camera)
        assert camera.get(State.STARTED) >= 200
        descriptors, threads = held()
        assert descriptors <= before[0]
        assert threads <= before[1] + MOST_IDLE_THREADS
    finally:
        await of.aclose()
