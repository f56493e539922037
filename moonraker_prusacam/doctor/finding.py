# What the doctor finds.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One finding: what was looked at, how it is, and what helps."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable


class State(enum.StrEnum):
    """How something is; ``SKIPPED`` could not be, or need not be, looked at."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    FAILED = "failed"


GRAVITY = {State.OK: 0, State.SKIPPED: 0, State.WARNING: 1, State.FAILED: 2}


@attrs.frozen
class Finding:
    """``name`` is that of the check, ``subject`` the camera or host it looked at.

    Neither text ever holds a token, a fingerprint or a password.
    """

    name: str
    state: State
    found: str
    remedy: str | None = None
    subject: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The finding as JSON values."""
        return {**attrs.asdict(self), "state": str(self.state)}


def worst(findings: Iterable[Finding]) -> State:
    """OK, WARNING or FAILED: the gravest of all; what was skipped is fine."""
    states = (finding.state for finding in findings)
    gravest = max(states, key=GRAVITY.__getitem__, default=State.OK)
    return gravest if GRAVITY[gravest] else State.OK


def report(findings: Iterable[Finding]) -> dict[str, Any]:
    """All findings as JSON values, with the gravest state of them."""
    listed = list(findings)
    return {
        "state": str(worst(listed)),
        "findings": [finding.as_json() for finding in listed],
    }
