# What viewers see.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots, streams and status over HTTP."""

from __future__ import annotations

from .access import Access
from .pump import StreamPump
from .server import WebServer

__all__ = ["Access", "StreamPump", "WebServer"]
