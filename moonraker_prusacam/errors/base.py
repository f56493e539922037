# What all our errors have in common.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root of the tree, and what any part of it may raise."""

from __future__ import annotations


class PrusacamError(Exception):
    """Base of all our errors. ``retryable`` says whether waiting may help."""

    retryable = False
    http_status = 500


class ClosedError(PrusacamError):
    """The object was used after ``aclose``."""
