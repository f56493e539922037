# Tests of how much the engine logs in long trouble.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of state once, then counts: nights of the same trouble cost a few lines."""

from __future__ import annotations

import asyncio
import itertools
import logging
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera import Camera, Scanner, camera
from moonraker_prusacam.config import CameraConfig, ConnectConfig
from moonraker_prusacam.connect import uploader as uploader_module
from moonraker_prusacam.connect.uploader import SnapshotUploader
from moonraker_prusacam.errors import (
    ConnectUnavailable,
    SourceError,
    SourceStalled,
    SourceUnavailable,
    TokenRejected,
)
from moonraker_prusacam.log_limit import BURST, REFILL_S, LogLimit
from moonraker_prusacam.secret import Secret
from tests.support import jpeg
from tests.support.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from moonraker_prusacam.camera import Frame
    from moonraker_prusacam.camera.receiver import Receiver

ATTEMPTS = 10_000
FLAPS = 1_000
STALE_S = 0.001
ATTEMPT_S = 5.0
"""How far apart attempts are on a real host, where they have failed for a while."""
HOURS = 12
WAIT_S = 45.0
TOKEN = "aB3_-6789012345678xY"


class Lines(logging.Handler):
    """What is written of the log, with a clock of its own for the limit."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(logging.INFO)
        self.addFilter(LogLimit(clock))
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("moonraker_prusacam"):
            self.texts.append(self.format(record))


@contextmanager
def logging_by(clock: Callable[[], float]) -> Iterator[list[str]]:
    handler, root = Lines(clock), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield handler.texts
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


class Failing:
    """A source that fails in turn for each of ``errors``, after what it sends."""

    def __init__(
        self, *errors: Exception, sends: bytes = b"", attempts: int = ATTEMPTS
    ) -> None:
        self._errors = itertools.cycle(errors)
        self._sends = sends
        self.attempts = attempts
        self.runs = 0
        self.enough = asyncio.Event()

    async def run(self, receiver: Receiver) -> None:
        self.runs += 1
        if self.runs >= self.attempts:
            self.enough.set()
        if self._sends:
            receiver.feed(self._sends)
            await asyncio.sleep(2 * STALE_S)
        raise next(self._errors)


async def endure(source: Failing, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The log of a camera that fails again and again."""
    monkeypatch.setattr(camera, "FIRST_DELAY_S", 0.0)
    monkeypatch.setattr(camera, "LAST_DELAY_S", 0.0)
    of = Camera(
        CameraConfig("bed", source="tcp://unused", stale_after_s=STALE_S), source
    )
    with logging_by(lambda: source.runs * ATTEMPT_S) as lines:
        of.start()
        try:
            await asyncio.wait_for(source.enough.wait(), WAIT_S)
        finally:
            await of.aclose()
    return lines


@pytest.mark.timeout(120)
async def test_camera_when_gone_for_10000_attempts_then_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The reasons differ, as they do while a host boots; the state is the same.
    source = Failing(
        SourceUnavailable("cannot connect to bedcam:9000: Connection refused"),
        SourceUnavailable("cannot connect to bedcam:9000: No route to host"),
        SourceStalled("nothing came for 5 s"),
        SourceError("an answer of 17 bytes"),
    )
    assert len(await endure(source, monkeypatch)) == 1


@pytest.mark.timeout(120)
async def test_camera_when_a_source_has_a_mistake_for_10000_attempts_then_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = await endure(Failing(ValueError("no number")), monkeypatch)
    assert len(lines) == 2
    assert sum("Traceback" in line for line in lines) == 1


@pytest.mark.timeout(120)
async def test_camera_when_it_flaps_for_hours_then_bounded_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = jpeg.picture(16, 16)
    source = Failing(SourceUnavailable("reset"), sends=picture, attempts=FLAPS)
    lines = await endure(source, monkeypatch)
    places = 2  # "live" is told at another level than "failed"
    assert BURST < len(lines) <= places * (BURST + FLAPS * ATTEMPT_S / REFILL_S + 1)


class Pictures:
    """A camera with a new picture whenever one is wanted."""

    name = "bed"
    config = CameraConfig("bed", source="tcp://unused")

    def __init__(self) -> None:
        self._seeds = itertools.count()

    async def wait_newer(self, *_: object) -> Frame:
        (frame,) = Scanner().feed(jpeg.picture(16, 16, seed=next(self._seeds) % 200))
        return frame


class Refusing:
    """A Prusa Connect that fails in turn for each of ``errors``; None is a success."""

    def __init__(self, *errors: Exception | None) -> None:
        self._errors = itertools.cycle(errors)
        self.attempts = 0

    async def put_snapshot(self, _: object, /) -> None:
        self.attempts += 1
        if (error := next(self._errors)) is not None:
            raise error

    async def put_info(self, _: object, /) -> dict[str, Any]:
        return {}


async def refused_for_hours(api: Refusing, folder: Path) -> list[str]:
    clock = VirtualClock()
    began_s = clock.now_s
    over = asyncio.Event()

    async def wait(event: asyncio.Event, until_s: float | None) -> None:
        await VirtualClock.wait(clock, event, until_s)
        if clock.now_s - began_s >= HOURS * 3600:
            over.set()
            await asyncio.Event().wait()

    with pytest.MonkeyPatch.context() as patch, logging_by(clock.monotonic_s) as lines:
        patch.setattr(clock, "wait", wait)
        made = SnapshotUploader(
            ConnectConfig("bed", token=Secret(TOKEN), trigger_scheme="TEN_SEC"),
            Pictures(),
            api,
            lambda *_: {},
            lambda _: None,
            folder / "bed.state.json",
            clock=clock,
        )
        await made.start()
        try:
            await asyncio.wait_for(over.wait(), WAIT_S)
        finally:
            await made.aclose()
    return lines


BUSY = ConnectUnavailable("Prusa Connect is busy (503)", status=503)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("errors", "states"),
    [
        ([BUSY], 1),
        ([TokenRejected("unknown token", status=401, cause="token")], 1),
    ],
    ids=["busy", "token"],
)
async def test_connect_when_it_refuses_for_hours_then_a_line(
    errors: list[Exception], states: int, tmp_path: Path
) -> None:
    api = Refusing(*errors)
    assert len(await refused_for_hours(api, tmp_path)) == states
    assert api.attempts >= HOURS


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "errors",
    [
        [BUSY, None],
        [BUSY, ConnectUnavailable("cannot resolve the name"), ValueError("ours")],
        [ConnectUnavailable(f"try in {number} s") for number in range(1000)],
    ],
    ids=["flaps", "other reasons", "numbers in the words"],
)
async def test_connect_when_it_changes_for_hours_then_bounded_lines(
    errors: list[Exception | None], tmp_path: Path
) -> None:
    api = Refusing(*errors)
    lines = await refused_for_hours(api, tmp_path)
    places = 3
    assert len(lines) <= places * (BURST + HOURS * 3600 / REFILL_S + 1)
    assert api.attempts >= HOURS


def test_log_calls_when_in_a_loop_for_ever_then_by_a_state_log() -> None:
    """Owners' loops log their own mistakes by state, so that a tight one is quiet."""
    package = Path(uploader_module.__file__).parents[1]
    loops = [
        "camera/camera.py",
        "connect/uploader.py",
        "connect/prusa_camera/turns.py",
        "connect/signaling/session.py",
        "motion/motion.py",
        "timelapse/recorder.py",
    ]
    for name in loops:
        text = (package / name).read_text()
        assert "_mistake_logger.exception(" in text, name
