# A camera that needs no hardware.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``test:``: a drawn picture that moves, to see that everything else works."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.synthetic.card import Card

if TYPE_CHECKING:
    from moonraker_prusacam.camera.receiver import Receiver
    from moonraker_prusacam.camera_options import CameraConfig

DEFAULT_SIZE = (1280, 720)
DEFAULT_FPS = 15.0


class SyntheticSource:
    """The test card of one camera, drawn in a thread."""

    def __init__(self, config: CameraConfig) -> None:
        self._name = config.name
        self._size = config.resolution or DEFAULT_SIZE
        self._fps = config.fps or DEFAULT_FPS
        self._quality = config.quality

    async def run(self, receiver: Receiver) -> None:
        """Draw one frame after the other, for ever; see Source."""
        card = await asyncio.to_thread(
            Card, self._name, self._size, self._fps, self._quality
        )
        receiver.reached(Stage.AUTHENTICATED)
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        number = 0
        while True:
            receiver.feed(
                await asyncio.to_thread(
                    card.draw, number, number / self._fps, time.time()
                )
            )
            # Frames whose time has passed are left out: none is ever late.
            passed = (loop.time() - begin_s) * self._fps
            number = max(number + 1, math.ceil(passed))
            await asyncio.sleep(begin_s + number / self._fps - loop.time())
