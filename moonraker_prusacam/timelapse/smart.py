# A better frame for each layer, found when the layer is over.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces the frame of a layer by the one in which the head stands best.

Each layer has a frame on disk from its first moment on; what is found later replaces
it. So with Klipper's motion unknown, or after a crash, nothing is missing.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from .selection import MAX_WAIT_NS, FrameSelection, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.camera import Frame
    from moonraker_prusacam.motion import Motion

    from .selection import Choice

# Beyond the longest that a selection waits for its motion.
MARGIN_NS = 1_000_000_000
# A layer that has as many frames by time is chosen from no longer: they could not be
# sealed before it ends, and some prints tell of no other layer.
MAX_TIMED_FRAMES = 100


class FrameStream(Protocol):
    """A camera whose every frame can be had."""

    def subscribe(self, callback: Callable[[Frame], None]) -> None:
        """Call ``callback`` with every frame from now on."""

    def unsubscribe(self, callback: Callable[[Frame], None]) -> None:
        """Call it no more."""


class SmartChoice:
    """Chooses for one recorder; ``replace`` is told a number and its better frame."""

    def __init__(
        self,
        camera: FrameStream,
        motion: Motion,
        target: Target,
        replace: Callable[[int, Frame], None],
    ) -> None:
        self._camera = camera
        self._motion = motion
        self._replace = replace
        self._selection: FrameSelection[Frame] = FrameSelection(target)
        self._begun_ns: int | None = None
        self._is_listening = False
        self._current: int | None = None
        # Numbers that may be replaced yet, and when their layers ended.
        self._open: deque[tuple[int, int]] = deque()

    def layer_began(self, number: int, monotonic_ns: int) -> None:
        """The layer before is over, and frames are of the layer of ``number`` now."""
        if number == self._current:
            return
        begin_ns = self._moved_at(monotonic_ns)
        if not self._is_listening:
            self._is_listening = True
            self._camera.subscribe(self._frame_came)
            self._motion.on_batch.append(self._motion_arrived)
        self._close(begin_ns)
        self._current = number
        if self._begun_ns is None:
            self._begun_ns = begin_ns

    def head_parked(self, number: int, monotonic_ns: int) -> None:
        """The frame of ``number`` shows a parked head, and is to stay.

        What was chosen from until then is of the layer before, unless ``number`` had a
        frame of its layer's first moment already. Nothing is chosen until the next
        ``layer_began``.
        """
        if self._current == number:
            self._selection.close_layer(None, self._moved_at(monotonic_ns))
        else:
            self._close(self._moved_at(monotonic_ns))
        self._current = self._begun_ns = None

    def frame_timed(self, number: int, monotonic_ns: int) -> None:
        """A frame by time, which stays, has ``number``; the layer may go on."""
        if self._current is not None and number - self._current >= MAX_TIMED_FRAMES:
            self._close(self._moved_at(monotonic_ns))
            self._current = self._begun_ns = None

    def settled_until(self, number: int) -> int:
        """Frames up to this number, ``number`` at most, are replaced no more."""
        self._forget_settled(time.monotonic_ns())
        first = self._open[0][0] if self._open else self._current
        return number if first is None else min(number, first - 1)

    def finish(self) -> None:
        """The print is over: choose what can be chosen, and stop."""
        now_ns = time.monotonic_ns()
        if self._current is not None:
            self._choose(self._selection.finish(self._current, now_ns))
        self.close()

    def close(self) -> None:
        """Stop at once. Idempotent."""
        self._camera.unsubscribe(self._frame_came)
        if self._motion_arrived in self._motion.on_batch:
            self._motion.on_batch.remove(self._motion_arrived)
        self._current = None
        self._open.clear()

    def _moved_at(self, monotonic_ns: int) -> int:
        """When the head does what G-code of that moment wants."""
        return monotonic_ns + int(self._motion.lead_s * 1e9)

    def _close(self, end_ns: int) -> None:
        if self._current is not None:
            self._selection.close_layer(self._current, end_ns)
            self._open.append((self._current, end_ns))

    def _frame_came(self, frame: Frame) -> None:
        is_due = self._begun_ns is not None and frame.first_ns >= self._begun_ns
        if is_due and self._motion.quality != "none":
            self._selection.offer_frame(frame, frame.first_ns)

    def _motion_arrived(self) -> None:
        self._selection.motion_arrived(self._motion)
        self._choose(self._selection.chosen(time.monotonic_ns()))

    def _choose(self, choices: list[Choice[Frame]]) -> None:
        for choice in choices:
            while self._open and self._open[0][0] <= (choice.layer or 0):
                self._open.popleft()
            # Without motion, the frame of the layer's beginning is the better one.
            if choice.how == "smart" and choice.layer is not None:
                self._replace(choice.layer, choice.candidate.frame)

    def _forget_settled(self, now_ns: int) -> None:
        while self._open and self._open[0][1] + MAX_WAIT_NS + MARGIN_NS < now_ns:
            self._open.popleft()
