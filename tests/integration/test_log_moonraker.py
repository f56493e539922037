# Tests of the engine's log beside Moonraker's.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mainsail and Fluidd list what real Moonraker lists of the folder of logs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.emulator import moonraker as emulator
from moonraker_prusacam.emulator.moonraker import MoonrakerProcess, link_component
from moonraker_prusacam.version import __version__
from tests.support.command_line import configure, running
from tests.support.moonraker_client import MoonrakerClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.moonraker

WAIT_S = 15.0
LOOK_S = 0.02


async def listed(ui: MoonrakerClient) -> dict[str, Any]:
    files = await ui.get("/server/files/list?root=logs")
    return {file["path"]: file for file in files}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process writes into a file."""
    async with asyncio.timeout(WAIT_S):
        while True:
            if condition():
                return
            await asyncio.sleep(LOOK_S)


async def test_log_when_the_engine_runs_then_moonraker_lists_and_serves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    # Into a file, as on a host, and not into the pipe that the emulator reads.
    launch = emulator.LAUNCH.replace('"-n", ', "").replace('"-n"', "")
    assert launch != emulator.LAUNCH
    monkeypatch.setattr(emulator, "LAUNCH", launch)
    (data / "comms").mkdir(parents=True)
    file = configure(data)
    with running(tmp_path, file) as engine:
        async with (
            MoonrakerProcess(
                data,
                tmp_path / "klippy.sock",
                config="[prusacam]\n",
                extra_components=link_component(tmp_path / "components"),
            ) as moonraker,
            MoonrakerClient(moonraker.url) as ui,
        ):
            engine.wait_for("Camera front: failed")
            assert "prusacam.log" in await listed(ui)
            answer = await ui.ask("GET", "/server/files/logs/prusacam.log")
            assert answer.status == 200
            assert answer.text.startswith(f"prusacam {__version__}, Python 3.")
            assert "Camera front: failed" in answer.text

            (data / "logs" / "prusacam.log").rename(data / "logs" / "prusacam.log.1")
            assert "prusacam.log.1" in await listed(ui)

            await ui.wait_until_served()
            await until(lambda: "connected to the engine" in moonraker.log_text)
            done = await ui.post("/server/logs/rollover", {"application": "moonraker"})
            assert done["rolled_over"] == ["moonraker"]
            # Moonraker writes the head of a log out with the next line, such as that a
            # client is there.
            async with MoonrakerClient(moonraker.url):
                told = f"prusacam: engine {__version__}"
                await until(lambda: told in moonraker.log_text)
            assert "connected to the engine" not in moonraker.log_text  # the old log
