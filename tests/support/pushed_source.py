# A camera's source whose bytes come from the test.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures, and who hands them on when a test says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support import jpeg

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from moonraker_prusacam.camera.receiver import Receiver


def picture(number: int = 0) -> bytes:
    return jpeg.picture(64, 48, seed=number)


class PushedSource:
    """A source whose bytes come from the test."""

    def __init__(self) -> None:
        self._deliver: Callable[[Buffer], None] | None = None

    async def run(self, receiver: Receiver) -> None:
        self._deliver = receiver.feed
        await asyncio.get_running_loop().create_future()

    def send(self, data: bytes) -> None:
        assert self._deliver is not None
        self._deliver(data)
