# The newest frames of a camera, with all between them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps compressed frames from before somebody asks for them.

What is to begin at an instant begins with the first frame at or after it, even where
the command comes a moment late, or the loop was busy at that instant. The frames are
copies: references would take the camera's own pool of frames away from it.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from moonraker_prusacam.camera import Camera, Frame


NS = 1_000_000_000


@attrs.frozen
class RingFrame:
    """A frame's copy. ``unix_s`` is when its first octet came, as is ``first_ns``.

    That is the best that is known of when the picture was taken: no camera tells.
    """

    number: int
    data: bytes
    first_ns: int
    unix_s: float
    width: int
    height: int


class FrameRing:
    """At most ``limit_bytes`` of frames; of more the oldest ones are given up.

    So are those older than ``keep_s``, but for ``hold``. ``on_frame`` is called after
    each frame.
    """

    def __init__(self, limit_bytes: int, keep_s: float) -> None:
        self.limit_bytes = limit_bytes
        self.keep_s = keep_s
        self.size_bytes = 0
        self.on_frame: list[Callable[[], None]] = []
        self._frames: deque[RingFrame] = deque()
        self._number = 0
        self._followers = 0
        self._needed: list[Callable[[], int]] = []

    @property
    def next_number(self) -> int:
        """The number that the next frame gets; they count from 0 without gaps."""
        return self._number

    @property
    def frames(self) -> int:
        """How many are kept now."""
        return len(self._frames)

    @property
    def span_s(self) -> float:
        """From the first octet of the oldest one to that of the newest."""
        if not self._frames:
            return 0.0
        return (self._frames[-1].first_ns - self._frames[0].first_ns) / NS

    @contextmanager
    def follow(self, camera: Camera) -> Iterator[None]:
        """Take every frame of ``camera`` in this block, and have it run."""
        self._followers += 1
        if self._followers == 1:
            camera.subscribe(self.add)
        try:
            with camera.hold():
                yield
        finally:
            self._followers -= 1
            if not self._followers:
                camera.unsubscribe(self.add)
                self.clear()

    @contextmanager
    def hold(self, needed: Callable[[], int]) -> Iterator[None]:
        """Give up no frame for its age in this block whose number is ``needed`` yet.

        What is written need not be kept: a print takes days, and memory is short.
        """
        self._needed.append(needed)
        try:
            yield
        finally:
            self._needed.remove(needed)

    def add(self, frame: Frame) -> None:
        """Copy ``frame``."""
        late_s = (frame.last_ns - frame.first_ns) / 1e9
        copy = RingFrame(
            number=self._number,
            data=bytes(frame.data),
            first_ns=frame.first_ns,
            unix_s=frame.wall_time - late_s,
            width=frame.width,
            height=frame.height,
        )
        self._number += 1
        self._frames.append(copy)
        self.size_bytes += len(copy.data)
        while self._is_too_much():
            self.size_bytes -= len(self._frames.popleft().data)
        for callback in tuple(self.on_frame):
            callback()

    def _is_too_much(self) -> bool:
        if len(self._frames) < 2:
            return False
        oldest = self._frames[0]
        is_old = self._frames[-1].first_ns - oldest.first_ns > self.keep_s * NS
        is_old = is_old and all(oldest.number < each() for each in self._needed)
        return is_old or self.size_bytes > self.limit_bytes

    def first_at(self, unix_s: float) -> int:
        """The number of the first frame at or after ``unix_s``, or ``next_number``."""
        for frame in self._frames:
            if frame.unix_s >= unix_s:
                return frame.number
        return self._number

    def since(self, number: int) -> list[RingFrame]:
        """All frames from ``number`` on; where older ones are gone, those that are."""
        skipped = number - (self._frames[0].number if self._frames else self._number)
        return list(self._frames)[max(0, skipped) :]

    def clear(self) -> None:
        """Forget all frames."""
        self._frames.clear()
        self.size_bytes = 0
