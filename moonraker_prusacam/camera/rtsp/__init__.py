# Cameras that speak RTSP.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera's client, and a relay for an ffmpeg that is told no password.

The engine owns the connection: it finds the way, logs in and learns the codec. ffmpeg
connects to a relay on this host, and gets the packets as they come.
"""

from __future__ import annotations
