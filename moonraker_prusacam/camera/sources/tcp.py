# Raw MJPEG from a TCP server.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``tcp://host:port``: JPEGs back to back, as ``rpicam-vid --codec mjpeg`` sends them.

``rpicam-vid --listen -o tcp://…`` serves one client and ends when that client leaves,
so the connection is held for as long as bytes come.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.dial import CONNECT_TIMEOUT_S, connect, explain
from moonraker_prusacam.camera.frame_watch import FRAME_TIMEOUT_S, expect_frames
from moonraker_prusacam.camera.receiver import Broken, Silence
from moonraker_prusacam.errors import SourceStalled, SourceUnavailable

if TYPE_CHECKING:
    from moonraker_prusacam.camera.receiver import Receiver
    from moonraker_prusacam.camera_options import CameraConfig

READ_TIMEOUT_S = 10.0
DEFAULT_PORT = 9000
FEED_ADVICE = (
    "rpicam-vid ends when its client leaves: run it in a loop, or let the engine run "
    "it, with source: exec:rpicam-vid …"
)


class TcpSource:
    """The bytes of one TCP connection."""

    def __init__(self, config: CameraConfig) -> None:
        self._host = config.source.host
        self._port = config.source.port or DEFAULT_PORT
        # Who has a slow camera says so.
        self._silence_s = max(READ_TIMEOUT_S, config.stale_after_s)
        self._frame_timeout_s = max(FRAME_TIMEOUT_S, config.stale_after_s)

    async def run(self, receiver: Receiver) -> None:
        """Receive what the server sends; see Source."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        where = f"{host}:{self._port}"
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connection = await connect(self._host, self._port)
        except (TimeoutError, OSError) as error:
            raise explain(error, where) from error
        receiver.reached(Stage.AUTHENTICATED)
        try:
            async with expect_frames(receiver, where, self._frame_timeout_s):
                await receiver.read(connection.detach(), self._silence_s)
        except Silence as error:
            raise SourceStalled(
                f"{where} is connected, but has sent nothing for {self._silence_s:g} s",
                advice=f"restart what serves {where}",
            ) from error
        except Broken as error:
            raise SourceUnavailable(
                f"{where} dropped the connection", advice=FEED_ADVICE
            ) from error
        raise SourceUnavailable(f"{where} closed the connection", advice=FEED_ADVICE)
