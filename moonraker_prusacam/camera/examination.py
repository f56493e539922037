# Whether a camera works, and if not, how far it comes.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A test of a camera, stage by stage, without a connection of its own.

Many cameras serve one client only, so a test that connected would take away the picture
that it asks for. It looks at what the camera's own attempt has come to: an idle camera
is woken for that, a failed one tries again at once, unless it has just refused us.
"""

from __future__ import annotations

import asyncio
import enum
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.errors import CameraBusy, FrameUnavailable

from .attempt import Stage
from .camera import FPS_WINDOW_S
from .state import TROUBLE

if TYPE_CHECKING:
    from .attempt import Attempt
    from .camera import Camera
    from .scanner import Frame

TIMEOUT_S = 15.0
MEASURE_S = 2.0
"""For how long frames are counted, of a camera that has just begun."""
THAW_S = 3.0
"""What a frozen camera gets to send a frame after all."""
CALL_TIMEOUT_S = 20.0
"""What callers wait for an answer: more than a test takes."""
LONG_WINDOW_S = 60.0

Failure = tuple[str, str]
"""Reason and advice."""

RESOLUTION = "resolution"
FPS = "fps"
TOO_LATE = {
    Stage.REACHABLE: (
        "it does not answer",
        "is it switched on, and is that still its address?",
    ),
    Stage.AUTHENTICATED: (
        "it answers, but does not let us in",
        "restart the camera; some serve one client only, is there another one?",
    ),
    Stage.FIRST_FRAME: (
        "it is connected, but no whole frame has come",
        "does it send MJPEG? Else restart the camera, or what serves it",
    ),
}


class StageStatus(enum.StrEnum):
    """What became of a stage."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@attrs.frozen
class StageResult:
    """One stage; ``found`` says in words what it gave, or why it failed."""

    name: str
    status: StageStatus
    duration_s: float | None = None
    found: str = ""
    advice: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        passed_s = self.duration_s
        told = {"found": self.found, "advice": self.advice}
        return {
            "name": self.name,
            "status": str(self.status),
            "duration_ms": None if passed_s is None else round(passed_s * 1e3, 1),
            **{name: text for name, text in told.items() if text},
        }


@attrs.frozen
class Examination:
    """What a test has found; ``stages`` in their order, the failed one with why."""

    camera: str
    stages: tuple[StageResult, ...]
    size: tuple[int, int] | None = None
    fps: float | None = None

    @property
    def failed(self) -> StageResult | None:
        """The stage that was not reached."""
        results = (one for one in self.stages if one.status is StageStatus.FAILED)
        return next(results, None)

    def as_dict(self) -> dict[str, Any]:
        """``success``, then ``message``, or else ``error`` and ``advice``."""
        failed, size = self.failed, self.size or (None, None)
        if failed is None:
            told = {"message": self._message}
        else:
            told = {"error": failed.found, "advice": failed.advice}
        return {
            "success": failed is None,
            **told,
            "camera": self.camera,
            "stages": [stage.as_dict() for stage in self.stages],
            "width": size[0],
            "height": size[1],
            "fps": None if self.fps is None else round(self.fps, 2),
        }

    @property
    def _message(self) -> str:
        return ", ".join(stage.found for stage in self.stages if stage.found)


class Examiner:
    """Tests cameras, each for one caller at a time."""

    def __init__(self) -> None:
        self._busy: set[str] = set()

    async def examine(self, camera: Camera) -> Examination:
        """See ``examine``; raises CameraBusy while another caller waits for his."""
        if camera.name in self._busy:
            raise CameraBusy(f"camera '{camera.name}' is being tested already")
        self._busy.add(camera.name)
        try:
            return await examine(camera, TIMEOUT_S)
        finally:
            self._busy.discard(camera.name)


async def examine(camera: Camera, timeout_s: float) -> Examination:
    """Test ``camera``, which has been started, within ``timeout_s``."""
    until_s = asyncio.get_running_loop().time() + timeout_s - MEASURE_S
    with camera.hold():
        attempt, failure = await _settle(camera, until_s)
        if failure is not None:
            return Examination(camera.name, _stages(attempt, failure))
        frame = await _thaw(camera, until_s)
        if frame is None:
            return Examination(camera.name, _frozen(camera, attempt))
        begun_ns = time.monotonic_ns()
        fps = await _measure(camera, attempt)
        measured_s = (time.monotonic_ns() - begun_ns) / 1e9
    size = frame.width, frame.height
    return Examination(
        camera.name,
        (
            *_reached(attempt),
            StageResult(RESOLUTION, StageStatus.OK, 0.0, f"{size[0]}x{size[1]}"),
            _rate(attempt, fps, measured_s),
        ),
        size,
        fps,
    )


async def _settle(camera: Camera, until_s: float) -> tuple[Attempt, Failure | None]:
    """The attempt that counts, when it has given a frame; or why it has not."""
    attempt = camera.attempt
    try:
        async with asyncio.timeout_at(until_s):
            if attempt.is_over:
                left_alone_s = camera.retry()
                now_s = asyncio.get_running_loop().time()
                if attempt.error is not None and now_s + left_alone_s > until_s:
                    reason = f"{attempt.error}; asked again in {left_alone_s:.0f} s"
                    return attempt, (reason, attempt.error.advice)
                attempt = await camera.next_attempt()
            await attempt.settled.wait()
    except TimeoutError:
        return attempt, _too_late(camera, attempt)
    if Stage.FIRST_FRAME in attempt.durations_s:
        return attempt, None
    if attempt.error is not None:
        return attempt, (str(attempt.error), attempt.error.advice)
    return attempt, _too_late(camera, attempt)


def _too_late(camera: Camera, attempt: Attempt) -> Failure:
    status = camera.status
    if status.state in TROUBLE:
        return status.reason, status.advice
    left = (stage for stage in Stage if stage not in attempt.durations_s)
    return TOO_LATE[next(left, Stage.FIRST_FRAME)]


async def _thaw(camera: Camera, until_s: float) -> Frame | None:
    """The newest frame, if it is fresh or such a one comes after all."""
    left_s = max(0.0, until_s - asyncio.get_running_loop().time())
    oldest_ns = time.monotonic_ns() - int(camera.config.stale_after_s * 1e9)
    with suppress(FrameUnavailable):
        return camera.fresh() or await camera.wait_newer(oldest_ns, min(left_s, THAW_S))
    return None


async def _measure(camera: Camera, attempt: Attempt) -> float | None:
    """Frames a second of this attempt, of late; None where that is unknown."""
    if attempt.since_s < MEASURE_S:
        await asyncio.sleep(MEASURE_S - attempt.since_s)
    for window_s in (FPS_WINDOW_S, LONG_WINDOW_S):
        if fps := camera.rate(min(attempt.age_s, window_s)):
            return fps
    return None


def _reached(attempt: Attempt) -> list[StageResult]:
    return [
        StageResult(stage, StageStatus.OK, duration_s)
        for stage, duration_s in attempt.durations_s.items()
    ]


def _stages(attempt: Attempt, failure: Failure) -> tuple[StageResult, ...]:
    """What the attempt has come to, and that nothing comes after its failure."""
    results = _reached(attempt)
    names = [*Stage, RESOLUTION, FPS][len(results) :]
    failed = StageResult(names[0], StageStatus.FAILED, attempt.since_s, *failure)
    skipped = (StageResult(name, StageStatus.SKIPPED) for name in names[1:])
    return (*results, failed, *skipped)


def _frozen(camera: Camera, attempt: Attempt) -> tuple[StageResult, ...]:
    """Frames came, but none does any more."""
    results, status, newest = _reached(attempt), camera.status, camera.newest
    age_s = None if newest is None else newest.age_s()
    results[-1] = StageResult(
        Stage.FIRST_FRAME, StageStatus.FAILED, age_s, status.reason, status.advice
    )
    skipped = (StageResult(name, StageStatus.SKIPPED) for name in (RESOLUTION, FPS))
    return (*results, *skipped)


def _rate(attempt: Attempt, fps: float | None, measured_s: float) -> StageResult:
    if attempt.error is not None:
        found = f"it broke off while frames were counted: {attempt.error}"
        advice = attempt.error.advice
        return StageResult(FPS, StageStatus.FAILED, measured_s, found, advice)
    if fps is None:
        found = f"less than two frames in {attempt.since_s:.0f} s"
        return StageResult(FPS, StageStatus.SKIPPED, measured_s, found)
    return StageResult(FPS, StageStatus.OK, measured_s, f"{fps:.1f} frames a second")
