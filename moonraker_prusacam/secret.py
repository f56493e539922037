# Text that must not be shown.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A type for tokens and passwords that shows nothing of itself by accident."""

from __future__ import annotations

from typing import final

import attrs


@final
@attrs.frozen(repr=False, str=False, order=False)
class Secret:
    """A token, password or access code; only ``reveal`` gives it away."""

    _text: str

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._text)
