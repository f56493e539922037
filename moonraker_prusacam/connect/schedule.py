# When a snapshot is due.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trigger schemes, gaps, back-off and the hourly limit, on a clock that is handed in.

Nothing here waits or sends. Times are seconds of a clock that never jumps. Source of
the names: Prusa's camera OpenAPI 0.22.0.
"""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import (
    ConnectUnavailable,
    PrusacamError,
    PrusaConnectError,
    SnapshotTooLarge,
)

if TYPE_CHECKING:
    from moonraker_prusacam.connect_options import UploadWhen

# Prusa Connect takes at most one picture in 10 s; more give blank or half images.
MIN_GAP_S = 10.0
PERIOD_S = {"TEN_SEC": 10.0, "THIRTY_SEC": 30.0, "SIXTY_SEC": 60.0, "TEN_MIN": 600.0}
LAYERS = {"EACH_LAYER": 1, "FIFTH_LAYER": 5}
DEFAULT_SCHEME = "THIRTY_SEC"
HOUR_S = 3600.0
FIRST_BACKOFF_S, LAST_BACKOFF_S = 10.0, 300.0
FIRST_PROBE_S, LAST_PROBE_S = 300.0, 1800.0
FRAME_RETRY_S = 10.0
MOST_FRAME_RETRIES = 3
MAX_RETRY_AFTER_S = 3600.0
JITTER = 0.2


@attrs.define
class BackOff:
    """Waits that double from ``first_s`` to ``last_s``."""

    first_s: float
    last_s: float
    _next_s: float | None = None

    def next_s(self) -> float:
        """How long to wait this time, give or take the jitter."""
        wait_s = self.first_s if self._next_s is None else self._next_s
        self._next_s = min(2 * wait_s, self.last_s)
        return wait_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311

    def reset(self) -> None:
        """Begin with ``first_s`` again."""
        self._next_s = None


class Schedule:
    """Tells when to send; is told what was sent, what failed and what is printed."""

    def __init__(
        self,
        scheme: str,
        when: UploadWhen,
        now_s: float,
        *,
        min_gap_s: float = MIN_GAP_S,
        max_bytes_per_hour: int = 0,
        last_s: float | None = None,
    ) -> None:
        """``last_s``: when the last snapshot was sent, if that is known."""
        self.scheme = scheme
        self.interval_s: float | None = None  # what a person chose instead
        self.is_paused = False  # so that only what is asked for is sent
        self._when = when
        self._min_gap_s = min_gap_s
        self._max_bytes = max_bytes_per_hour
        self._sent_s = None if last_s is None else min(last_s, now_s)
        # An engine that was killed a moment ago may have sent one just before.
        self._gap_from_s = now_s if self._sent_s is None else self._sent_s
        self._period_from_s = self._sent_s
        self._wanted = self._served = self._asked = False
        self._retry_at_s: float | None = None
        self._frame_retries = 0
        self._layer: int | None = None
        self._printing_until_s: float | None = None  # inf while a print runs
        self._sent: deque[tuple[float, int]] = deque()
        self._outages = BackOff(FIRST_BACKOFF_S, LAST_BACKOFF_S)
        self._faults = BackOff(FIRST_PROBE_S, LAST_PROBE_S)

    @property
    def sent_s(self) -> float | None:
        """When the last snapshot was sent, if one was."""
        return self._sent_s

    def due_s(self, now_s: float) -> float | None:
        """When the next snapshot may and should go; None: not before something is told.

        A moment that has passed means now.
        """
        due_s: float | None
        if self._asked:
            due_s = now_s
        elif self.is_paused:
            return None
        elif self._retry_at_s is not None:
            due_s = self._retry_at_s
        elif self._wanted:
            due_s = now_s
        else:
            due_s = self._next_period_s(now_s)
        if due_s is None:
            return None
        return max(due_s, self._gap_from_s + self._min_gap_s, self._budget_s(now_s))

    def bytes_in_hour(self, now_s: float) -> int:
        """What was sent within the last hour."""
        while self._sent and self._sent[0][0] <= now_s - HOUR_S:
            self._sent.popleft()
        return sum(size for _, size in self._sent)

    def is_over_budget(self, now_s: float) -> bool:
        """Whether ``max_bytes_per_hour`` holds everything up."""
        return self._budget_s(now_s) > now_s

    def ask(self) -> None:
        """A person or a macro wants one as soon as the gap allows, whatever failed."""
        self._asked = True

    def print_changed(self, *, is_active: bool, now_s: float) -> None:
        """Follow the print; ``upload_when`` may want a while after it."""
        if is_active:
            self._printing_until_s = float("inf")
        elif self._printing_until_s == float("inf"):
            self._printing_until_s = now_s + self._when.tail_s

    def print_ended(self) -> None:
        """One more is sent of every print, with the result in it."""
        self._wanted = True
        self._layer = None

    def layer_changed(self, layer: int) -> None:
        """A layer may be what triggers."""
        every = None if self.interval_s else LAYERS.get(self.scheme)
        if layer == self._layer:
            return
        self._layer = layer
        if every and layer >= 1 and (layer - 1) % every == 0:
            self._wanted = True

    def sending(self) -> None:
        """What was wanted until now is about to be served; more may come meanwhile."""
        self._served, self._wanted, self._asked = self._wanted, False, False

    def attempted(self, now_s: float, size_bytes: int) -> None:
        """A request has ended; the server counts the gap from here, taken or not."""
        self._sent_s = self._gap_from_s = self._period_from_s = now_s
        self._sent.append((now_s, size_bytes))
        self.bytes_in_hour(now_s)  # forgets what is older

    def accepted(self) -> None:
        """All is well again."""
        self._served = False
        self._retry_at_s = None
        self._frame_retries = 0
        self._outages.reset()
        self._faults.reset()

    def failed(self, error: PrusacamError, now_s: float) -> None:
        """Come back later: soon for a better frame, slowly for a user's fault."""
        self._wanted = self._wanted or self._served
        if isinstance(error, ConnectUnavailable):
            delay_s = self._outages.next_s()
            asked_s = min(error.retry_after_s or 0.0, MAX_RETRY_AFTER_S)
            self._retry_at_s = now_s + max(delay_s, asked_s)
        elif isinstance(error, SnapshotTooLarge):
            self._retry_at_s = now_s  # once more, and smaller
        elif isinstance(error, PrusaConnectError):
            self._retry_at_s = now_s + self._faults.next_s()
        else:
            self._no_frame(now_s)

    def _no_frame(self, now_s: float) -> None:
        """The camera has nothing (new) to show, and nothing was sent."""
        self._retry_at_s = None
        period_s = self._period_s or FRAME_RETRY_S
        self._period_from_s = now_s + min(FRAME_RETRY_S, period_s) - period_s
        if self._wanted:
            self._frame_retries += 1
            self._retry_at_s = now_s + FRAME_RETRY_S
        if self._frame_retries > MOST_FRAME_RETRIES:
            self._wanted, self._retry_at_s, self._frame_retries = False, None, 0

    @property
    def _period_s(self) -> float | None:
        return self.interval_s or PERIOD_S.get(self.scheme)

    def _next_period_s(self, now_s: float) -> float | None:
        period_s = self._period_s
        if period_s is None:
            return None
        due_s = now_s
        if self._period_from_s is not None:
            due_s = self._period_from_s + period_s
        if not self._when.only_printing:
            return due_s
        until_s = self._printing_until_s
        return due_s if until_s is not None and max(due_s, now_s) < until_s else None

    def _budget_s(self, now_s: float) -> float:
        """From when on there is room for one more of the size of the last one."""
        if not self._max_bytes:
            return now_s
        used = self.bytes_in_hour(now_s)
        wanted = self._sent[-1][1] if self._sent else 0
        free_s = now_s
        for sent_s, size in self._sent:
            if used + wanted <= self._max_bytes:
                break
            used -= size
            free_s = sent_s + HOUR_S
        return free_s
