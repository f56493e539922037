# A whole engine with a scripted Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine as ``prusacam run`` makes it, but for the camera at the other end."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from moonraker_prusacam import app
from moonraker_prusacam.app import Engine
from moonraker_prusacam.config import load
from tests.support.command_line import configure
from tests.support.prusa_camera import FINGERPRINT, TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

    from moonraker_prusacam.control import Peer
    from tests.support.scripted_viewer import ScriptedCamera

SECTION = """[prusa_camera buddy]
token: {token}
fingerprint: {fingerprint}
server: {server}
profile: {profile}
preview_image: no
"""


@asynccontextmanager
async def running_engine(
    folder: Path,
    camera: ScriptedCamera,
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    more: str = "",
) -> AsyncIterator[tuple[Engine, Path]]:
    """The engine, and the file of its configuration."""
    monkeypatch.setattr(app, "viewer_opener", lambda _config: camera.viewer)
    section = SECTION.format(
        token=TOKEN, fingerprint=FINGERPRINT, server=server, profile=camera.profile
    )
    file = configure(folder, more=f"{section}{more}")
    config = await asyncio.to_thread(load, file)
    async with Engine(config) as engine:
        yield engine, file


async def print_event(client: Peer, kind: str, state: str, total_s: float) -> None:
    """Tell of the print ``cube.gcode``, as Moonraker's component does."""
    told: dict[str, Any] = {
        "state": state,
        "filename": "cube.gcode",
        "total_duration_s": total_s,
        "print_duration_s": total_s,
        "layer": None,
        "total_layers": None,
        "message": "",
    }
    await client.call(
        "job.event", {"event": kind, "print": told, "monotonic_ns": time.monotonic_ns()}
    )
