# How often somebody may ask.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket of tokens: a burst at once, then a steady rate."""

from __future__ import annotations

import attrs


@attrs.define
class Allowance:
    """``burst`` at once, and ``per_s`` more each second; times are handed in."""

    burst: float
    per_s: float
    _left: float = attrs.field(init=False)
    _last_s: float | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._left = self.burst

    def take(self, now_s: float) -> bool:
        """Whether one more is allowed at ``now_s``, of a clock that never jumps."""
        if self._last_s is not None:
            gained = (now_s - self._last_s) * self.per_s
            self._left = min(self.burst, self._left + gained)
        self._last_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
