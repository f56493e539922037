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


async def test_print_when_moonraker_names_a_folder_then_video_and_history_are_there(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("s")
    films = folder / "films"
    options = f"output_path: {films}\n"
    async with (
        Stand(folder, speed=6.0, panels=True, panel_options=options) as stand,
        MoonrakerClient(stand.moonraker.url) as ui,
    ):
        (stand.gcodes_path / "sub").mkdir()
        # Moonraker's history may miss a print that begins as soon as Klippy is ready.
        for prints in (1, 2, 3):
            await stand.start_print("sub/vase.gcode", vase(2))

            async def are_rendered(count: int = prints) -> bool:
                done = [one for one in renders(ui) if one.get("status") == "success"]
                return len(done) == count and not await is_printing(ui)

            await stand.until(are_rendered, "the video", PRINT_TIMEOUT_S)

        async def are_noted() -> bool:
            return [len(one) for one in await histories(ui)][:2] == [1, 1]

        await stand.until(are_noted, "the history")
        assert (await ui.get("/server/info"))["warnings"] == []
        # Made again, it belongs to the same print.
        await ui.post("/machine/timelapse/render")

        async def is_noted() -> bool:
            return [len(one) for one in await histories(ui)][:2] == [2, 1]

        await stand.until(is_noted, "the second video", PRINT_TIMEOUT_S)
        for videos in await histories(ui):
            assert all((films / video).is_file() for video in videos)
        listed = await ui.get("/server/files/list?root=timelapse")
        named = {video for videos in await histories(ui) for video in videos}
        assert named <= {file["path"] for file in listed}
        # The engine knows the folder before Moonraker tells it.
        await stand.engine.kill()
        await stand.start_engine()
        identity = await stand.call_engine("engine.identify", client="cli", version="1")
        assert identity["timelapse_path"] == str(films)


async def is_printing(ui: MoonrakerClient) -> bool:
    answer = await ui.post("/printer/objects/query", {"objects": {"print_stats": None}})
    return bool(answer["status"]["print_stats"]["state"] == "printing")


async def histories(ui: MoonrakerClient) -> list[list[str]]:
    """The videos of each print, the newest print first."""
    jobs = (await ui.get("/server/history/list"))["jobs"]
    return [
        field["value"]
        for job in jobs
        for field in job["auxiliary_data"]
        if (field["provider"], field["name"]) == ("prusacam", "timelapse")
    ]


def events(ui: MoonrakerClient) -> list[dict[str, Any]]:
    return ui.received(EVENT)


def renders(ui: MoonrakerClient) -> list[dict[str, Any]]:
    return [one for one in events(ui) if one["action"] == "render"]
