# The control socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON-RPC 2.0 over a Unix socket: the only way in for other processes."""

from __future__ import annotations

from .client import connect
from .peer import Peer
from .server import ControlServer

__all__ = ["ControlServer", "Peer", "connect"]
