# A camera: its source, its newest frame, and who waits for it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One owner of a source, any number of consumers of its frames.

``latest`` is one reference that is swapped; nobody waits for anybody. The source is
tried again for ever, and a frame that is too old is never handed out as live.

This process need not hear of a frame for viewers to see it (see ``Receiver``), so here
the newest one is looked up when somebody asks for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import (
    FfmpegMissing,
    FrameUnavailable,
    SourceError,
    SourceUnavailable,
)
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.tasks import TaskOwner

from .attempt import Stage
from .backoff import Backoff
from .demand import Demand
from .receiver import Receiver
from .scanner import Scanner
from .state import TROUBLE, CameraState, CameraStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moonraker_prusacam.config import CameraConfig

    from .attempt import Attempt
    from .scanner import Frame, PoolStats, ScannerStats
    from .sources import Source

log = logging.getLogger(__name__)

FIRST_DELAY_S = 0.2
LAST_DELAY_S = 5.0
FPS_WINDOW_S = 5.0
IDLE_REASON = "nobody watches; it begins when somebody does"
STALLED_ADVICE = "restart the camera, or what serves it"


class Camera:
    """A configured source and its newest frame."""

    def __init__(self, config: CameraConfig, source: Source) -> None:
        self.config = config
        self.name = config.name
        self._source = source
        self._scanner = Scanner(
            config.max_frame_bytes,
            insert_dht=config.insert_dht,
            strip_app=config.strip_app,
            strip_thumbnails=True,
        )
        self._receiver = Receiver(self._scanner, self._arrived)
        self._next: asyncio.Future[None] | None = None
        self._backoff = Backoff(FIRST_DELAY_S)
        self._begun = asyncio.Event()
        self._connects = 0
        self._pending: SourceError | None = None
        self._status = CameraStatus(
            CameraState.CONNECTING, "waiting for the first frame", time.time()
        )
        self.demand = Demand(config.grace_s)
        self.hold = self.demand.hold
        self._state_log = StateLog(log, f"Camera {self.name}")
        self._mistake_logger = StateLog(log, f"Camera {self.name}, a mistake of ours")
        self._stale_timer: asyncio.TimerHandle | None = None
        self._tasks = TaskOwner(f"camera:{self.name}")
        self._subscribers: list[Callable[[Frame], None]] = []
        self.on_state: list[Callable[[Camera], None]] = []
        # Also for another reason of the same state.
        self.on_status: list[Callable[[Camera], None]] = []

    def start(self) -> None:
        """Begin to read the source, for ever."""
        self._tasks.start("source", self._run())

    async def aclose(self) -> None:
        """Let go of the source. Idempotent."""
        await self._tasks.aclose()
        self._receiver.unfollow()
        if self._stale_timer is not None:
            self._stale_timer.cancel()
        if self._next is not None:
            self._next.set_exception(
                FrameUnavailable(f"camera '{self.name}' is closed")
            )
            self._next.exception()  # perhaps nobody waits for it
            self._next = None

    @property
    def status(self) -> CameraStatus:
        """The state that viewers are told."""
        newest = self.newest
        status = self._status
        if newest is None:
            return status
        if status.state is CameraState.LIVE and self.fresh() is None:
            status = self._stale_status(newest)  # the timer is a moment late
        return attrs.evolve(status, last_frame=newest.wall_time)

    @property
    def scanner_stats(self) -> ScannerStats:
        """What the scanner counted since the start."""
        return self._scanner.stats

    @property
    def pool_stats(self) -> PoolStats:
        """The memory that the frames take."""
        return self._scanner.pool

    @property
    def overrun(self) -> int:
        """Frames that subscribers wanted and did not take in time."""
        return self._receiver.overrun

    @property
    def connects(self) -> int:
        """How often the source was opened."""
        return self._connects

    @property
    def fps(self) -> float:
        """Frames a second over the last FPS_WINDOW_S seconds."""
        return self.rate(FPS_WINDOW_S)

    def rate(self, window_s: float) -> float:
        """Frames a second over the last ``window_s``; 0 where that cannot be told."""
        since = time.monotonic_ns() - int(window_s * 1e9)
        recent = [last for _, last in self._receiver.recent_ns if last > since]
        # Frames that came with one read have one time.
        if len(recent) < 2 or recent[-1] == recent[0]:
            return 0.0
        return (len(recent) - 1) / ((recent[-1] - recent[0]) / 1e9)

    @property
    def receive_ms(self) -> list[float]:
        """How long the newest frames took from their first to their last byte."""
        return [(last - first) / 1e6 for first, last in self._receiver.recent_ns]

    @property
    def attempt(self) -> Attempt:
        """How far the newest connection to the source has come."""
        return self._receiver.attempt

    @property
    def newest(self) -> Frame | None:
        """The newest frame, whatever its age."""
        return self._receiver.newest

    def fresh(self) -> Frame | None:
        """The newest frame if it may still be served as live."""
        frame = self.newest
        if frame is None or frame.age_s() > self.config.stale_after_s:
            return None
        return frame

    def latest(self, max_age_s: float | None = None) -> Frame:
        """Like ``fresh``, and at most so old; raises FrameUnavailable, with why."""
        frame = self.fresh()
        if frame is None:
            raise FrameUnavailable(f"camera '{self.name}': {self.status}")
        if max_age_s is not None and frame.age_s() > max_age_s:
            raise FrameUnavailable(
                f"camera '{self.name}': the newest frame is {frame.age_s():.1f} s old"
            )
        return frame

    async def wait_newer(self, than_ns: int, timeout_s: float) -> Frame:
        """The first frame whose first byte came after ``than_ns`` (monotonic ns).

        Raises FrameUnavailable when none comes in time.
        """
        self.demand.touch()
        try:
            async with asyncio.timeout(timeout_s):
                while (frame := self.newest) is None or frame.first_ns < than_ns:
                    if self._next is None:
                        self._next = asyncio.get_running_loop().create_future()
                        self._receiver.want_next()
                    await asyncio.shield(self._next)
        except TimeoutError:
            raise FrameUnavailable(
                f"camera '{self.name}' gave no new frame within {timeout_s:g} s: "
                f"{self.status}"
            ) from None
        return frame

    async def wake(self, timeout_s: float) -> None:
        """Let an idle camera begin, and wait for its first frame or failure."""
        self.demand.touch()
        asleep = (CameraState.IDLE, CameraState.CONNECTING)
        if not self.config.on_demand or self._status.state not in asleep:
            return
        changed = asyncio.Event()

        def look(camera: Camera) -> None:
            if camera.status.state in (CameraState.LIVE, CameraState.FAILED):
                changed.set()

        self.on_state.append(look)
        try:
            async with asyncio.timeout(timeout_s):
                await changed.wait()
        except TimeoutError:
            return
        finally:
            self.on_state.remove(look)

    def retry(self) -> float:
        """Try again as soon as the source may be asked; in how many seconds that is.

        Who has refused us is left alone for a while, whoever asks.
        """
        self._backoff.hasten()
        return self._backoff.left_alone_s

    async def next_attempt(self) -> Attempt:
        """The attempt that begins next, at its begin."""
        await self._begun.wait()
        return self.attempt

    def subscribe(self, callback: Callable[[Frame], None]) -> None:
        """Call ``callback`` with every frame from now on."""
        self._subscribers.append(callback)
        self._receiver.want_all(True)

    def unsubscribe(self, callback: Callable[[Frame], None]) -> None:
        """Call it no more. Idempotent."""
        if callback in self._subscribers:
            self._subscribers.remove(callback)
        self._receiver.want_all(bool(self._subscribers))

    def show_in(self, sinks: Sequence[object]) -> bool:
        """Show live frames to native ``sinks``; False: subscribe, in their place."""
        return self._receiver.follow(sinks, self.config.stale_after_s)

    async def _run(self) -> None:
        if not self.config.on_demand:
            await self._read()
        while True:
            self._become(CameraState.IDLE, IDLE_REASON)
            await self.demand.begin()
            if (error := self.attempt.error) and self._backoff.left_alone_s:
                self._become(CameraState.FAILED, str(error), error.advice)
            else:
                self._become(CameraState.CONNECTING, "waiting for the first frame")
            self._backoff.reset(FIRST_DELAY_S)
            reading = self._tasks.start("read", self._read())
            try:
                await self.demand.end()
            finally:
                # It has let go of the camera when this is over.
                reading.cancel()
                await asyncio.wait([reading])
            self._pending = None

    async def _read(self) -> None:
        """Read the source, for ever."""
        # An on-demand camera may have been idle since it was refused.
        if left_alone_s := self._backoff.left_alone_s:
            await asyncio.sleep(left_alone_s)
        while True:
            self._connects += 1
            self._receiver.begin(self.config.warmup_frames)
            attempt = self.attempt
            self._begun.set()
            self._begun = asyncio.Event()
            error: SourceError | None = None
            try:
                error = await self._read_once()
            finally:
                attempt.end(error)
            if error is not None:
                self._lost(error)
            least_s = error.least_delay_s if error else 0.0
            await self._backoff.pause(LAST_DELAY_S, least_s)

    async def _read_once(self) -> SourceError | None:
        """Read the source until it fails; why it did."""
        try:
            await self._source.run(self._receiver)
        except SourceError as error:
            return error
        except FfmpegMissing as error:
            return SourceUnavailable(str(error))
        except Exception as error:  # a bug in a source must not end the camera
            self._mistake_logger.exception()
            name = type(error).__name__
            return SourceError(f"internal error ({name})", advice="see the log")
        return None

    def _arrived(self, frames: list[Frame]) -> None:
        if self.fresh() is None:
            # From before it fell silent: nobody had asked to be told of these.
            self._receiver.want_next()
        else:
            self._is_live()
        for frame in frames:
            for callback in tuple(self._subscribers):
                callback(frame)

    def _is_live(self) -> None:
        self._backoff.reset(FIRST_DELAY_S)
        self._pending = None
        self._receiver.reached(Stage.FIRST_FRAME)
        if self._next is not None:
            self._next.set_result(None)
            self._next = None
        if self._status.state is not CameraState.LIVE:
            self._become(CameraState.LIVE, "frames arrive")
            self._watch(self.config.stale_after_s)

    def _lost(self, error: SourceError) -> None:
        # While the last frame is young, viewers need not know of a short gap.
        if self.fresh() is None:
            self._become(CameraState.FAILED, str(error), error.advice)
        else:
            self._pending = error

    def _watch(self, delay_s: float) -> None:
        if self._stale_timer is not None:
            self._stale_timer.cancel()
        loop = asyncio.get_running_loop()
        self._stale_timer = loop.call_later(delay_s, self._check_stale)

    def _check_stale(self) -> None:
        frame = self.newest
        if frame is None or self._status.state is not CameraState.LIVE:
            return
        left_s = self.config.stale_after_s - frame.age_s()
        if left_s > 0:
            self._watch(left_s + 0.001)
            return
        self._change(self._stale_status(frame))

    def _stale_status(self, newest: Frame) -> CameraStatus:
        """What a live camera has become when its newest frame is too old."""
        since = newest.wall_time + self.config.stale_after_s
        if self._pending is not None:
            reason, advice = str(self._pending), self._pending.advice
            return CameraStatus(CameraState.FAILED, reason, since, advice=advice)
        reason = (
            f"no frame for {self.config.stale_after_s:g} s; the feed is connected, "
            "but frozen"
        )
        return CameraStatus(CameraState.STALLED, reason, since, advice=STALLED_ADVICE)

    def _become(self, state: CameraState, reason: str, advice: str = "") -> None:
        self._change(CameraStatus(state, reason, time.time(), advice=advice))

    def _change(self, status: CameraStatus) -> None:
        if status.state is self._status.state:
            # Another reason for the same trouble is no news: a host that boots gives
            # several in a row.
            self._state_log.repeat()
            if status.reason != self._status.reason:
                self._status = attrs.evolve(
                    self._status, reason=status.reason, advice=status.advice
                )
                self._tell(self.on_status)
            return
        self._status = status
        if status.state is not CameraState.LIVE:
            self._receiver.want_next()
        level = logging.WARNING if status.state in TROUBLE else logging.INFO
        self._state_log.report(f"{status.state}: {status}", level)
        self._tell(self.on_state)
        self._tell(self.on_status)

    def _tell(self, callbacks: list[Callable[[Camera], None]]) -> None:
        for callback in tuple(callbacks):
            callback(self)
