# A controller of recordings over a folder, for tests.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of a print go in, sessions and videos come out."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.multicam.controller import (
    MultiCamController,
    collector,
    download,
    exchange,
    orders,
)
from moonraker_prusacam.multicam.controller.session import TakeState
from moonraker_prusacam.multicam_options import (
    Address,
    MultiCamConfig,
    MultiCamDeviceConfig,
    MultiCamSections,
)
from moonraker_prusacam.print_job import PrintEvent, PrintEventKind, PrintState
from tests.support.multicam_peer import Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    import pytest

TIMEOUT_S = 10.0
LOOK_S = 0.02
CONFIG = MultiCamConfig(
    delay_s=0.2, discover=False, stop_timeout_s=1.0, collect_timeout_s=10.0
)
PRINTING = PrintState("printing", "cube.gcode", 0.0, None, None)
COMPLETE = attrs.evolve(PRINTING, state="complete")


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for devices as long as a test may."""
    monkeypatch.setattr(exchange, "RETRY_DELAYS_S", (0.01, 0.02, 0.04))
    monkeypatch.setattr(exchange, "ANSWER_TIMEOUT_S", 2.0)
    monkeypatch.setattr(orders, "VERIFY_AFTER_S", 0.05)
    monkeypatch.setattr(orders, "POLL_S", 0.05)
    monkeypatch.setattr(collector, "AGAIN_S", 0.05)
    monkeypatch.setattr(download, "STALL_TIMEOUT_S", 1.0)
    monkeypatch.setattr(download, "HEADER_TIMEOUT_S", 2.0)


class Bench:
    """A controller over a folder, with what it told."""

    def __init__(
        self, folder: Path, addresses: Sequence[Address], config: MultiCamConfig
    ) -> None:
        self.videos, self.sessions = folder / "videos", folder / "sessions"
        self.told = asyncio.Event()
        self.notices: list[dict[str, Any]] = []
        devices = tuple(
            MultiCamDeviceConfig(f"device{number}", address=address)
            for number, address in enumerate(addresses)
        )
        self.controller = MultiCamController(
            MultiCamSections(config, devices),
            config,
            self.sessions,
            lambda: self.videos,
            self._hear,
        )

    def _hear(self, notice: dict[str, Any]) -> None:
        self.notices.append(notice)
        self.told.set()

    async def event(self, kind: str, state: PrintState | None) -> None:
        await self.controller.handle(
            PrintEvent(PrintEventKind(kind), state, time.monotonic_ns())
        )

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not condition():
                self.told.clear()
                # Of what peers have heard nobody tells.
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.told.wait(), LOOK_S)

    @property
    def session(self) -> dict[str, Any]:
        return self.controller.sessions[-1]

    def device(self, number: int) -> dict[str, Any]:
        told: dict[str, Any] = self.session["devices"][number]
        return told

    async def started(self) -> None:
        """Wait until each device records, or has said why not."""
        recording = self.controller.recording
        assert recording is not None
        await self.until(
            lambda: all(
                take.state is not TakeState.ORDERED or (take.is_ordered and take.reason)
                for take in recording.record.takes
            )
        )

    async def done(self) -> None:
        await self.until(lambda: self.session["state"] == "done")

    def sidecar(self) -> dict[str, Any]:
        text = (self.videos / self.session["sidecar"]).read_text()
        content: dict[str, Any] = json.loads(text)
        return content


@asynccontextmanager
async def bench(
    folder: Path, *peers: Peer | Address, config: MultiCamConfig = CONFIG
) -> AsyncIterator[Bench]:
    addresses = [peer.address if isinstance(peer, Peer) else peer for peer in peers]
    made = Bench(folder, addresses, config)
    await made.controller.start()
    try:
        yield made
    finally:
        await made.controller.aclose()
