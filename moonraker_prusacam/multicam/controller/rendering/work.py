# A video that is to be made.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a piece of work is, as the record of a session keeps it."""

from __future__ import annotations

import enum
from typing import Any

import attrs


class WorkState(enum.StrEnum):
    """The last two are ends."""

    WAITING = "waiting"
    RENDERING = "rendering"
    DONE = "done"
    FAILED = "failed"


@attrs.define(kw_only=True)
class Work:
    """One video; ``attempts`` are those since the last progress.

    ``reason`` says why it waits, or why it failed.
    """

    state: WorkState = WorkState.WAITING
    attempts: int = 0
    progress: float = 0.0
    reason: str = ""
    video: str | None = None
    size_bytes: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is more to be done."""
        return self.state in (WorkState.WAITING, WorkState.RENDERING)

    def begin(self) -> None:
        """It is worked on; a kill leaves it so, and the attempt counted."""
        self.state, self.reason = WorkState.RENDERING, ""
        self.attempts += 1

    def rest(self, reason: str) -> None:
        """It waits for ``reason``; what was interrupted for that is no attempt."""
        self.attempts -= self.state is WorkState.RENDERING
        self.state, self.reason = WorkState.WAITING, reason

    def fail(self, reason: str) -> None:
        """There is no video."""
        self.state, self.reason = WorkState.FAILED, reason


def told(work: Work | None) -> dict[str, Any] | None:
    """``work`` for people and programs."""
    if work is None:
        return None
    return {
        "state": str(work.state),
        "progress": round(work.progress, 3),
        "reason": work.reason,
        "video": work.video,
    }
