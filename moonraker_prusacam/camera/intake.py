# A camera's intake: compiled where it can be, pure Python elsewhere.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the twin, the same one as for the scanner: they share its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .scanner import IMPLEMENTATION as SCANNER

IMPLEMENTATION: Literal["c", "python"]

if TYPE_CHECKING:
    from ._intake_py import Intake
elif SCANNER == "python":
    from ._intake_py import Intake

    IMPLEMENTATION = "python"
else:
    try:
        from ._intake_c import Intake
    except ImportError:
        from ._intake_py import Intake

        IMPLEMENTATION = "python"
    else:
        IMPLEMENTATION = "c"

__all__ = ["IMPLEMENTATION", "Intake"]
