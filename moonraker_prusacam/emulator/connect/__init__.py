# A local stand-in for Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prusa Connect's camera API on this machine, and a log of what it was asked."""

from __future__ import annotations

from .camera import LocalCamera
from .request_log import RequestRecord
from .server import LocalConnect

__all__ = ["LocalCamera", "LocalConnect", "RequestRecord"]
