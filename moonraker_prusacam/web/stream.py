# What a stream is made of, the same for both pumps.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delimiter, times and limits of open streams."""

from __future__ import annotations

import socket

import attrs

# Without dashes and quotes: Fluidd takes what follows "boundary=" literally.
BOUNDARY = b"prusacamframe"
DELIMITER = b"\r\n--" + BOUNDARY + b"\r\n"
STALL_TIMEOUT_S = 30.0
REPEAT_AFTER_S = 2.0
TICK_S = 0.5
MAX_LABEL_BYTES = 47
# More than this unsent in the kernel would be a queue of old frames.
NOTSENT_LOWAT_BYTES = 64 << 10


@attrs.frozen
class PumpStats:
    """Counters over all viewers since the start."""

    viewers: int
    opened: int
    stalled: int
    frames: int
    bytes: int


@attrs.frozen
class ViewerStats:
    """What one viewer got so far; ``fps`` is that of the last second or two.

    ``label`` is where it is, ``name`` what it calls its stream, or "".
    """

    label: str
    name: str
    fps: float
    frames: int
    skipped: int
    bytes: int
    age_s: float


def prepare(sock: socket.socket, notsent_lowat_bytes: int) -> None:
    """Make a viewer's socket one that never waits and queues little."""
    sock.setblocking(False)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, notsent_lowat_bytes
        )
