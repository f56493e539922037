# The pictures of the virtual Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a picture of a printer, numbered as those of the synthetic camera are."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moonraker_prusacam.emulator.camera import add_tag
from moonraker_prusacam.emulator.scene import Pose

from .lens import Lens

if TYPE_CHECKING:
    from moonraker_prusacam.emulator.camera import PrinterView

    from .settings import Settings


class Eye:
    """Looks at ``printer``; ``last`` is the newest picture."""

    def __init__(self, printer: PrinterView, layer_height_mm: float) -> None:
        self.last = b""
        self._printer = printer
        self._lens = Lens(layer_height_mm)
        self._seq = 0

    async def take(self, settings: Settings) -> bytes:
        """A new picture; ``read_tag`` of the synthetic camera reads its number."""
        printer = self._printer
        pose = Pose(*printer.live_position(), printer.layer, printer.total_layers)
        self._seq += 1
        seq, t_ns = self._seq, time.monotonic_ns()
        wall = datetime.now(UTC).isoformat(timespec="milliseconds")
        jpeg = await asyncio.to_thread(self._lens.jpeg, settings, pose, seq, wall)
        self.last = add_tag(jpeg, seq, t_ns, wall, pose.layer)
        return self.last
