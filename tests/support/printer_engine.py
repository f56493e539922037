# A whole engine whose printer is in a local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine as ``prusacam run`` makes it, with a camera, and without Moonraker."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from moonraker_prusacam.app import Engine
from moonraker_prusacam.config import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CONFIG = """
[engine]
data_path: {folder}
port: 0
[camera front]
source: test:
resolution: 160x120
[connect front]
trigger_scheme: MANUAL
[printer]
consent: True
server: {server}
send_network_info: False
name: Voron
"""


def configure_printer(folder: Path, server: str, more: str = "") -> Path:
    """The configuration, written to a file in ``folder``."""
    file = folder / "prusacam.conf"
    file.write_text(CONFIG.format(folder=folder, server=server) + more)
    return file


@asynccontextmanager
async def printer_engine(file: Path) -> AsyncIterator[Engine]:
    """The engine that ``file`` configures."""
    config = await asyncio.to_thread(load, file)
    async with Engine(config) as engine:
        yield engine
