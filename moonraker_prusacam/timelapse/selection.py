# Chooses the frame of a layer that the timelapse shows.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A steady timelapse without parking.

Of all frames of a layer, it takes the one in which the head stands in a corner, or
where it stood in the frame before. Frames come first and wait, for a second or so,
until Klipper has told of the motion at their time. Then each is scored, the best few of
a layer are kept, and at the end of the layer the one that jumps least from the frame
before is chosen. Only x and y count: the camera looks from outside, and z grows by a
layer.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Sized

    from moonraker_prusacam.motion import Machine, Sample

BEST = 5
# Two seconds at 60 frames a second.
MAX_WAITING_FRAMES = 120
MAX_WAITING_BYTES = 32 << 20
MAX_CLOSED_LAYERS = 64
# A layer is chosen from without its last frames when their motion is not told by then.
MAX_WAIT_NS = 5_000_000_000
# A frame is as sharp as the head is slow: how far the head goes while it is exposed.
# Both the exposure and the error of the frame's time are of this order.
BLUR_S = 1 / 60
FREE_SPEED_MM_S = 30.0
BLUR_WEIGHT = 1.0
JUMP_WEIGHT = 1.0

FrameT = TypeVar("FrameT", bound="Sized")
Point = tuple[float, float]
How = Literal["smart", "newest"]


class Target(enum.StrEnum):
    """Where the head should stand in every frame; back is where y is largest."""

    AUTO = "auto"  # where it stood in the frame before
    BACK_LEFT = "back_left"
    BACK_RIGHT = "back_right"
    FRONT_LEFT = "front_left"
    FRONT_RIGHT = "front_right"
    CENTER = "center"

    def point(self, machine: Machine) -> Point | None:
        """The place on the machine, x and y in mm; None for AUTO."""
        left, front, _ = machine.minimum
        right, back, _ = machine.maximum
        return {
            Target.AUTO: None,
            Target.BACK_LEFT: (left, back),
            Target.BACK_RIGHT: (right, back),
            Target.FRONT_LEFT: (left, front),
            Target.FRONT_RIGHT: (right, front),
            Target.CENTER: ((left + right) / 2, (front + back) / 2),
        }[self]


class MotionSource(Protocol):
    """What a selection needs of ``motion.Motion``."""

    @property
    def known_until_ns(self) -> int:
        """The last moment with a known position."""

    @property
    def machine(self) -> Machine | None:
        """Limits of the axes."""

    def sample_at(self, monotonic_ns: int) -> Sample | None:
        """The head at a moment."""


@attrs.frozen
class Candidate(Generic[FrameT]):
    """A frame, when it was taken, and where the head was if that is known."""

    frame: FrameT
    monotonic_ns: int
    sample: Sample | None = None


@attrs.frozen
class Choice(Generic[FrameT]):
    """The frame of a layer; ``newest`` is what is left when no motion is known."""

    layer: int | None
    candidate: Candidate[FrameT]
    how: How


def distance_mm(sample: Sample, point: Point) -> float:
    """How far the head was from ``point``, in the plane of the bed."""
    return math.dist(sample.position[:2], point)


def blur_mm(sample: Sample) -> float:
    """What the speed of the head costs."""
    return max(0.0, sample.speed_mm_s - FREE_SPEED_MM_S) * BLUR_S


class LayerSelection(Generic[FrameT]):
    """The best frames of one layer: at most ``best`` of them, and the newest."""

    def __init__(self, target: Point | None, best: int = BEST) -> None:
        """``target`` is where the head should be; None: slow, wherever it is."""
        self._target = target
        self._best = best
        self._scored: list[tuple[float, Candidate[FrameT]]] = []
        self._newest: Candidate[FrameT] | None = None

    def offer(self, candidate: Candidate[FrameT]) -> None:
        """Keep a frame of this layer if it is among the best, or the newest."""
        if self._newest is None or candidate.monotonic_ns >= self._newest.monotonic_ns:
            self._newest = candidate
        if candidate.sample is None:
            return
        self._scored.append((self._cost(candidate.sample), candidate))
        self._scored.sort(key=lambda scored: scored[0])
        del self._scored[self._best :]

    def choose(self, previous: Sample | None) -> tuple[Candidate[FrameT], How] | None:
        """The frame of this layer; None if there was none at all."""
        if not self._scored:
            return None if self._newest is None else (self._newest, "newest")

        def cost(scored: tuple[float, Candidate[FrameT]]) -> float:
            of_layer, candidate = scored
            if previous is None or candidate.sample is None:
                return of_layer
            jump_mm = distance_mm(candidate.sample, previous.position[:2])
            return of_layer + JUMP_WEIGHT * jump_mm

        return min(self._scored, key=cost)[1], "smart"

    def _cost(self, sample: Sample) -> float:
        distance = 0.0 if self._target is None else distance_mm(sample, self._target)
        return distance + BLUR_WEIGHT * blur_mm(sample)


class FrameSelection(Generic[FrameT]):
    """The frames of a whole print, one a layer, in the order of the layers.

    Bounded: MAX_WAITING_FRAMES and MAX_WAITING_BYTES wait for their motion, ``best``
    and one more are kept of the layer under way. ``frame`` may be anything with a size.
    """

    def __init__(self, target: Target, *, best: int = BEST) -> None:
        self._target = target
        self._best = best
        self._waiting: deque[Candidate[FrameT]] = deque()
        self._waiting_bytes = 0
        self._closed: deque[tuple[int | None, int]] = deque()
        self._chosen: list[Choice[FrameT]] = []
        self._previous: Sample | None = None
        self._machine: Machine | None = None
        self._layer: LayerSelection[FrameT] | None = None

    @property
    def waiting(self) -> int:
        """Number of frames whose motion is not known yet."""
        return len(self._waiting)

    def offer_frame(self, frame: FrameT, monotonic_ns: int) -> None:
        """Take a frame, in the order of time. Quick; nothing is decided here."""
        self._waiting.append(Candidate(frame, monotonic_ns))
        self._waiting_bytes += len(frame)
        while (
            len(self._waiting) > MAX_WAITING_FRAMES
            or self._waiting_bytes > MAX_WAITING_BYTES
        ):
            self._place(self._next_waiting())

    def close_layer(self, layer: int | None, end_ns: int) -> None:
        """The layer under way ends at ``end_ns``; later frames are of the next one.

        ``layer`` is the number of the one that ends. Frames of the next layer may have
        been offered already; ``end_ns`` may be in the future.
        """
        if len(self._closed) >= MAX_CLOSED_LAYERS:
            self._settle_first()
        if self._closed:
            end_ns = max(end_ns, self._closed[-1][1])
        self._closed.append((layer, end_ns))

    def motion_arrived(self, motion: MotionSource) -> None:
        """Score the frames whose motion is known by now; end the layers that are told.

        Call it whenever ``motion`` knows more.
        """
        self._machine = motion.machine
        known_until_ns = motion.known_until_ns
        while self._waiting and self._waiting[0].monotonic_ns <= known_until_ns:
            waited = self._next_waiting()
            sample = motion.sample_at(waited.monotonic_ns)
            self._place(attrs.evolve(waited, sample=sample))
        while self._closed and self._closed[0][1] <= known_until_ns:
            self._settle_first()

    def chosen(self, now_ns: int) -> list[Choice[FrameT]]:
        """The frames of the layers that ended, each told once, in order.

        A layer that ended MAX_WAIT_NS ago waits for its motion no longer.
        """
        while self._closed and self._closed[0][1] <= now_ns - MAX_WAIT_NS:
            self._settle_first()
        chosen, self._chosen = self._chosen, []
        return chosen

    def finish(self, layer: int | None, end_ns: int) -> list[Choice[FrameT]]:
        """The print is over: end the layer under way, and wait for nothing more."""
        self.close_layer(layer, end_ns)
        while self._closed:
            self._settle_first()
        return self.chosen(end_ns)

    def _next_waiting(self) -> Candidate[FrameT]:
        candidate = self._waiting.popleft()
        self._waiting_bytes -= len(candidate.frame)
        return candidate

    def _place(self, candidate: Candidate[FrameT]) -> None:
        """Put a frame into its layer; the layers before that one are over."""
        while self._closed and self._closed[0][1] < candidate.monotonic_ns:
            self._choose(self._closed.popleft()[0])
        if self._layer is None:
            self._layer = LayerSelection(self._aim(), self._best)
        self._layer.offer(candidate)

    def _settle_first(self) -> None:
        """End the oldest closed layer with the frames that are there."""
        end_ns = self._closed[0][1]
        while self._waiting and self._waiting[0].monotonic_ns <= end_ns:
            self._place(self._next_waiting())
        self._choose(self._closed.popleft()[0])

    def _choose(self, layer: int | None) -> None:
        selection, self._layer = self._layer, None
        found = None if selection is None else selection.choose(self._previous)
        if found is not None:
            candidate, how = found
            self._previous = candidate.sample or self._previous
            self._chosen.append(Choice(layer, candidate, how))

    def _aim(self) -> Point | None:
        point = None if self._machine is None else self._target.point(self._machine)
        if point is None and self._previous is not None:
            x, y, _ = self._previous.position
            point = (x, y)
        return point
