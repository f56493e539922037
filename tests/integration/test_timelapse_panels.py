# Tests of the timelapse panels over a whole print.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an open page of Mainsail or Fluidd hears and finds, with the real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.emulator.gcode_file import vase
from moonraker_prusacam.emulator.stand import Stand
from tests.support.moonraker_client import MoonrakerClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.moonraker

LAYERS = 6
PRINT_TIMEOUT_S = 90.0
EVENT = "notify_timelapse_event"


@pytest.fixture
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    folder = tmp_path_factory.mktemp("s")
    async with Stand(folder, speed=4.0, panels=True) as opened:
        yield opened


async def test_print_then_an_open_panel_is_told_and_finds_everything(
    stand: Stand,
) -> None:
    async with MoonrakerClient(stand.moonraker.url) as ui:
        await ui.post("/machine/timelapse/settings", {"duplicatelastframe": 5})
        await stand.start_print("vase.gcode", vase(LAYERS))

        async def is_rendered() -> bool:
            return any(one.get("status") == "success" for one in renders(ui))

        await stand.until(is_rendered, "the video", PRINT_TIMEOUT_S)
        frames = [one for one in events(ui) if one["action"] == "newframe"]
        assert [one["frame"] for one in frames][:LAYERS] == [
            str(number) for number in range(1, LAYERS + 1)
        ]
        assert all(one["status"] == "success" for one in frames)
        assert renders(ui)[0]["status"] == "started"
        done = renders(ui)[-1]
        assert done["printfile"] == "vase.gcode"
        files = await ui.get("/server/files/list?root=timelapse")
        names = {file["path"] for file in files}
        assert {done["filename"], done["previewimage"]} <= names
        last = await ui.get("/machine/timelapse/lastframeinfo")
        assert last["framecount"] == LAYERS
        shown = await ui.get("/server/files/list?root=timelapse_frames")
        assert last["lastframefile"] in {file["path"] for file in shown}
    status = await stand.call_engine("timelapse.status")
    assert status["last"]["frames"] == LAYERS


def events(ui: MoonrakerClient) -> list[dict[str, Any]]:
    return ui.received(EVENT)


def renders(ui: MoonrakerClient) -> list[dict[str, Any]]:
    return [one for one in events(ui) if one["action"] == "render"]
