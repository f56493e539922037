# What a viewer of one camera is shown.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A live frame, or else a placeholder for those who asked for one, or else nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from .placeholder import PlaceholderCache
    from .pump import Picture
    from .thumbnail import StreamFrames


@attrs.frozen(eq=False)
class LiveFeed:
    """Live frames only: the stream ends where they do."""

    frames: StreamFrames

    def picture(self) -> Picture | None:
        """The newest frame, unless it is too old."""
        return self.frames.fresh()

    @property
    def is_over(self) -> bool:
        """Whether there is no live frame any more."""
        return self.frames.fresh() is None


@attrs.frozen(eq=False)
class PlaceholderFeed:
    """Live frames, and a placeholder while there are none; never ends by itself."""

    frames: StreamFrames
    placeholder: PlaceholderCache

    def picture(self) -> Picture | None:
        """The newest frame, or what says why there is none."""
        return self.frames.fresh() or self.placeholder.get()

    @property
    def is_over(self) -> bool:
        """Never."""
        return False
