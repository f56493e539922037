# The doctor: what is wrong, and what helps.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at everything that a picture passes, with or without a running engine."""

from __future__ import annotations

from .examination import examine_running, examine_without_engine
from .finding import Finding, State, report, worst

__all__ = [
    "Finding",
    "State",
    "examine_running",
    "examine_without_engine",
    "report",
    "worst",
]
