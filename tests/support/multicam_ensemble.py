# Virtual devices and a camera of ours under one controller.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phones of several dialects record together with a real device of ours."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from moonraker_prusacam.emulator.multicam import VirtualDevice
from moonraker_prusacam.multicam.controller import MultiCamController
from moonraker_prusacam.multicam_options import (
    Address,
    MultiCamConfig,
    MultiCamDeviceConfig,
    MultiCamSections,
)
from tests.support.mp4 import movie
from tests.support.multicam_device import FPS, WAIT_S, Stage, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from moonraker_prusacam.multicam.controller.session import Session
    from moonraker_prusacam.multicam.device.ring import RingFrame

CONFIG = MultiCamConfig(delay_s=1.0, discover=False)


class Ensemble:
    """The phones, and after them a camera of ours, as devices of one controller."""

    def __init__(
        self, folder: Path, phones: Sequence[VirtualDevice], standing: Stage
    ) -> None:
        self.phones = phones
        self._standing = standing
        self._told = asyncio.Event()
        ports = [*(phone.port for phone in phones), standing.port]
        devices = tuple(
            MultiCamDeviceConfig(f"d{port}", address=Address("127.0.0.1", port))
            for port in ports
        )
        self.controller = MultiCamController(
            MultiCamSections(CONFIG, devices),
            CONFIG,
            folder / "sessions",
            lambda: folder / "videos",
            lambda _: self._told.set(),
        )

    async def until(self, session: Session, state: str, phase: str) -> None:
        """Wait until all devices are so far, and the session is."""
        async with asyncio.timeout(WAIT_S):
            while session.record.phase != phase or any(
                take.state != state for take in session.record.takes
            ):
                self._told.clear()
                await self._told.wait()

    @property
    def ours_s(self) -> float:
        """Unix time of the first frame that our camera has recorded."""
        return self._ours[1].unix_s

    @property
    def gap_s(self) -> float:
        """From the frame before that, by which a busy host may delay it."""
        before, first = self._ours
        return first.unix_s - before.unix_s

    @property
    def _ours(self) -> tuple[RingFrame, RingFrame]:
        """The first frame that our camera has recorded, after the one before it."""
        device = self._standing.service.device
        if device is None or device.recording is None or device.recording.first is None:
            raise ValueError("our camera does not record")
        first = device.recording.first
        before, found = device.ring.since(first.number - 1)[:2]
        assert found is first
        return before, found

    @property
    def theirs_s(self) -> list[float]:
        """Unix times of the phones' first frames."""
        return [phone.shutter.first_frame_s() for phone in self.phones]


@asynccontextmanager
async def ensemble(folder: Path, kinds: Sequence[str]) -> AsyncIterator[Ensemble]:
    """One virtual device of each of ``kinds``; ours keeps its files in ``device``."""
    async with AsyncExitStack() as stack:
        phones = [
            await stack.enter_async_context(
                VirtualDevice(kind, fps=FPS, content=movie())
            )
            for kind in kinds
        ]
        standing = await stack.enter_async_context(stage(folder / "device"))
        made = Ensemble(folder, phones, standing)
        await made.controller.start()
        stack.push_async_callback(made.controller.aclose)
        yield made
