# Tests of the timelapse panels in real Moonraker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Mainsail and Fluidd send, with an engine that is there, hangs or is not."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.emulator.klippy import SimulatedPrinter
from moonraker_prusacam.emulator.moonraker import (
    MoonrakerProcess,
    link_component,
    link_timelapse,
)
from tests.support.fake_engine import Failure, FakeEngine, Silence, camera, panel
from tests.support.moonraker_client import MoonrakerClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

pytestmark = pytest.mark.moonraker

WAIT_S = 15.0
# On a busy host; the component gives an engine 5 s to answer, and less for a status.
AT_ONCE_S = 3.0
STATUS_LIMIT_S = 4.5

RECORDED = json.loads(
    (Path(__file__).parent.parent / "data" / "ui" / "timelapse.json").read_text()
)
MACROS = Path(__file__).parents[2] / "klipper_macros" / "timelapse.cfg"

EVENT = "notify_timelapse_event"
PATH = "/machine/timelapse"
SECTIONS = "[prusacam]\n[timelapse]\n"

BOOLS = (
    "enabled gcode_verbose parkhead fw_retract autorender variable_fps flip_x flip_y "
    "previewimage saveframes"
)
INTS = (
    "park_travel_speed park_retract_speed park_extrude_speed hyperlapse_cycle "
    "constant_rate_factor output_framerate targetlength variable_fps_min "
    "variable_fps_max rotation duplicatelastframe"
)
FLOATS = (
    "stream_delay_compensation park_custom_pos_x park_custom_pos_y park_custom_pos_dz "
    "park_retract_distance park_extrude_distance park_time"
)
TEXTS = "mode camera snapshoturl parkpos pixelformat time_format_code extraoutputparams"
TYPES: dict[str, type] = {
    name: kind
    for names, kind in ((BOOLS, bool), (INTS, int), (FLOATS, float), (TEXTS, str))
    for name in names.split()
} | {"blockedsettings": list}


@pytest.fixture
def engine(tmp_path: Path) -> FakeEngine:
    it = FakeEngine(
        tmp_path / "data" / "comms" / "prusacam.sock", cameras=[camera("front")]
    )
    it.answers["timelapse.render"] = {"job": {}}
    it.answers["timelapse.saveframes"] = {"zipfile": "x.zip"}
    it.answers["timelapse.frame"] = {"accepted": True}
    it.answers["timelapse.hyperlapse"] = {}
    return it


@pytest.fixture
def components(tmp_path: Path) -> Path:
    return link_timelapse(tmp_path / "components")


@asynccontextmanager
async def running_moonraker(
    components: Path, config: str = SECTIONS
) -> AsyncIterator[MoonrakerClient]:
    place = components.parent
    async with (
        MoonrakerProcess(
            place / "data",
            place / "klippy.sock",
            config=config,
            extra_components=components,
        ) as moonraker,
        MoonrakerClient(moonraker.url) as ui,
    ):
        yield ui
    assert "components/prusacam/" not in moonraker.log_text


def pairs(events: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Pairs of events that come one after the other."""
    return zip(events[::2], events[1::2], strict=True)


async def settings_of(ui: MoonrakerClient) -> dict[str, Any]:
    answer: dict[str, Any] = await ui.get(f"{PATH}/settings")
    return answer


def check_settings(answer: dict[str, Any], values: dict[str, Any]) -> None:
    assert {key: type(value) for key, value in answer.items()} == TYPES
    assert {key: answer[key] for key in values} == values


async def wait_configured(
    engine: FakeEngine, fits: Callable[[dict[str, Any]], bool]
) -> None:
    def told() -> bool:
        calls = engine.calls("timelapse.configure")
        return bool(calls) and fits(calls[-1]["settings"])

    await engine.wait_until(told)


async def test_panels_when_replayed_then_each_reply_is_what_they_need(
    components: Path, engine: FakeEngine
) -> None:
    engine.panel = panel(5, "jPg")
    async with engine, running_moonraker(components) as ui:
        info = await ui.get("/server/info")
        assert "timelapse" in info["components"]
        assert (info["failed_components"], info["warnings"]) == ([], [])
        made = {"name": "bedcam", "stream_url": "/s", "snapshot_url": "/p"}
        uid = (await ui.post("/server/webcams/item", made))["webcam"]["uid"]
        await ui.wait_for("notify_webcams_changed")
        recorded = json.loads(json.dumps(RECORDED).replace(RECORDED["uid"], uid))
        for exchange in recorded["exchanges"]:
            request = {k: exchange[k] for k in ("method", "params") if k in exchange}
            answer = (await ui.exchange(request))["result"]
            if exchange["needs"] == "settings":
                check_settings(answer, exchange["values"])
            elif exchange["needs"] == "frame":
                assert answer == {"framecount": 5, "lastframefile": "frame000005.jPg"}
            else:
                assert answer == exchange["values"]
        await wait_configured(engine, lambda s: s["stream_delay_compensation"] == 0.07)
        last = engine.calls("timelapse.configure")[-1]["settings"]
        assert last.keys() == TYPES.keys() - {"blockedsettings"}
        assert last["camera"] == "bedcam"


async def test_pages_when_they_load_then_everything_they_ask_for_is_there(
    components: Path, engine: FakeEngine, tmp_path: Path
) -> None:
    engine.frames_path = str(tmp_path / "frames")
    async with engine, running_moonraker(components) as ui:
        await engine.wait_for_call("timelapse.status")
        for request in RECORDED["load"]:
            answer = await ui.exchange(request)
            assert "error" not in answer, request
            if request["method"] == "server.config":
                # Mainsail looks into this section, and fails where it is not.
                assert "timelapse" in answer["result"]["orig"]


async def test_files_when_renamed_and_deleted_as_pages_do_then_no_error(
    components: Path, engine: FakeEngine, tmp_path: Path
) -> None:
    async with engine, running_moonraker(components) as ui:
        folder = tmp_path / "data" / "timelapse"
        for stem in ("a", "b"):
            for suffix in ("mp4", "jpg"):
                (folder / f"{stem}.{suffix}").write_bytes(b"\0")
        for request in RECORDED["files"]:
            assert "error" not in await ui.exchange(request), request
        # Fluidd renames the video alone, and leaves its picture.
        assert sorted(path.name for path in folder.iterdir()) == ["b.jpg"]


async def test_panels_when_engine_is_absent_then_are_answered_at_once(
    components: Path,
) -> None:
    async with running_moonraker(components) as ui:
        began = time.monotonic()
        check_settings(await settings_of(ui), {"enabled": True})
        saved = await ui.post(f"{PATH}/settings", {"targetlength": "20"})
        check_settings(saved, {"targetlength": 20})
        frame = await ui.get(f"{PATH}/lastframeinfo")
        assert frame == {"framecount": 0, "lastframefile": ""}
        for action in ("render", "saveframes"):
            answer = await ui.ask("POST", f"{PATH}/{action}")
            assert answer.status == 503
            assert "The camera engine is not available" in answer.text
        assert time.monotonic() - began < AT_ONCE_S
        # Mainsail shows why, of saved frames as well: of answers it shows nothing.
        await ui.wait_for(EVENT, 4)
        for error, unlock in pairs(ui.received(EVENT)):
            assert (error["action"], error["status"]) == ("render", "error")
            assert "/" not in error["msg"]
            assert (unlock["action"], unlock["status"]) == ("newframe", "success")


async def test_panels_when_engine_hangs_then_settings_do_not(
    components: Path, engine: FakeEngine
) -> None:
    for method in ("timelapse.status", "timelapse.configure", "timelapse.render"):
        engine.answers[method] = Silence()
    async with engine, running_moonraker(components) as ui:
        await engine.wait_for_call("timelapse.configure")
        began = time.monotonic()
        check_settings(await settings_of(ui), {})
        await ui.post(f"{PATH}/settings", {"flip_x": True})
        assert time.monotonic() - began < AT_ONCE_S
        assert await ui.get(f"{PATH}/lastframeinfo") == {
            "framecount": 0,
            "lastframefile": "",
        }
        assert time.monotonic() - began < STATUS_LIMIT_S
        assert (await ui.ask("POST", f"{PATH}/render")).status == 504


async def test_settings_when_bad_then_400_names_the_key_and_nothing_changes(
    components: Path,
) -> None:
    async with running_moonraker(components) as ui:
        for bad in ({"output_framerate": "fast"}, {"rotation": 45}, {"mode": ["x"]}):
            answer = await ui.ask(
                "POST", f"{PATH}/settings", json={"saveframes": True, **bad}
            )
            assert answer.status == 400
            assert f"'{next(iter(bad))}' must be" in answer.text
        check_settings(
            await settings_of(ui), {"output_framerate": 30, "saveframes": False}
        )
        query = f"{PATH}/settings?saveframes=true&output_framerate=25&unknown=1"
        answer = json.loads((await ui.ask("POST", query)).body)["result"]
        check_settings(answer, {"saveframes": True, "output_framerate": 25})


async def test_settings_when_upstream_stored_them_then_are_taken_over_and_kept(
    components: Path, engine: FakeEngine
) -> None:
    async with engine, running_moonraker(components) as ui:
        # What moonraker-timelapse leaves in the database.
        stored = {"output_framerate": 15, "parkhead": True, "theirs": "stays"}
        item = {"namespace": "timelapse", "key": "config", "value": stored}
        await ui.post("/server/database/item", item)
        await ui.post("/server/restart")
        await engine.wait_until(lambda: engine.accepted == 2)
        await ui.wait_until_served()
        check_settings(
            await settings_of(ui), {"output_framerate": 15, "parkhead": True}
        )
        await ui.post(f"{PATH}/settings", {"output_framerate": "16"})
        await wait_configured(
            engine, lambda s: (s["output_framerate"], s["parkhead"]) == (16, True)
        )
        query = "/server/database/item?namespace=timelapse&key=config"
        assert (await ui.get(query))["value"] == {**stored, "output_framerate": 16}
        info = await ui.get("/server/info")
        assert (info["failed_components"], info["warnings"]) == ([], [])


async def test_settings_when_configured_then_are_blocked_without_warnings(
    components: Path, tmp_path: Path
) -> None:
    section = (
        "[timelapse]\n"
        f"output_path: {tmp_path}/films\n"
        "frame_path: /tmp/timelapse/\n"
        "ffmpeg_binary_path: /usr/bin/ffmpeg\n"
        "wget_skip_cert_check: False\n"
        "mode: hyperlapse\n"
        "output_framerate: 12\n"
    )
    # No [prusacam]: the shim asks for it.
    async with running_moonraker(components, section) as ui:
        info = await ui.get("/server/info")
        assert {"prusacam", "timelapse"} <= set(info["components"])
        assert [w for w in info["warnings"] if "systemctl" not in w] == []
        answer = await ui.post(f"{PATH}/settings", {"output_framerate": 60})
        check_settings(answer, {"output_framerate": 12, "mode": "hyperlapse"})
        assert answer["blockedsettings"] == ["mode", "output_framerate", "modeOptions"]
        roots = await ui.get("/server/files/roots")
        paths = {root["name"]: root["path"] for root in roots}
        assert paths["timelapse"] == f"{tmp_path}/films"


async def test_output_path_when_set_then_engine_is_told_and_a_conflict_is_shown(
    components: Path, engine: FakeEngine, tmp_path: Path
) -> None:
    films = str(tmp_path / "films")
    section = f"[prusacam]\n[timelapse]\noutput_path: {films}/\n"
    engine.timelapse_path = "/elsewhere"  # its own configuration says so
    async with engine, running_moonraker(components, section) as ui:
        await wait_configured(engine, lambda s: s.get("output_path") == films)
        warnings: list[str] = []
        async with asyncio.timeout(WAIT_S):
            while not warnings:
                warnings = (await ui.get("/server/info"))["warnings"]
        (warning,) = warnings
        assert films in warning
        assert "/elsewhere" in warning
        engine.timelapse_path = films
        await ui.post(f"{PATH}/settings", {"flip_x": True})
        async with asyncio.timeout(WAIT_S):
            while (await ui.get("/server/info"))["warnings"]:
                pass


async def test_camera_when_its_uid_is_chosen_then_engine_gets_the_name(
    components: Path, engine: FakeEngine
) -> None:
    async with engine, running_moonraker(components) as ui:
        listed: list[dict[str, Any]] = []
        async with asyncio.timeout(WAIT_S):
            while not listed:
                listed = (await ui.get("/server/webcams/list"))["webcams"]
        uid = listed[0]["uid"]
        answer = await ui.post(f"{PATH}/settings", {"camera": uid})
        assert answer["camera"] == uid
        await wait_configured(engine, lambda s: s["camera"] == "front")
        # When the engine returns, its cameras are not in the list at first.
        await ui.post("/server/restart")
        await engine.wait_until(lambda: engine.accepted == 2)
        engine.received.clear()
        await wait_configured(engine, lambda s: s["camera"] == "front")
        await ui.wait_until_served()
        await ui.post(f"{PATH}/settings", {"camera": "no such camera"})
        await wait_configured(engine, lambda s: s["camera"] == "no such camera")
        await ui.post(f"{PATH}/settings", {"camera": "0" * 32})
        await wait_configured(engine, lambda s: s["camera"] == "")


async def test_events_when_engine_sends_them_then_panels_get_their_shapes(
    components: Path, engine: FakeEngine
) -> None:
    async with engine, running_moonraker(components) as ui:
        await engine.wait_for_call("timelapse.status")
        for params in (
            {"event": "frame", "status": "success", "framefile": "frame000001.jpG"},
            {"event": "frame", "status": "error"},
            {"event": "render", "status": "started", "framecount": 1},
            {"event": "render", "status": "error", "msg": "cannot read /tmp/a.jpg"},
        ):
            engine.notify("timelapse.event", params)
        await ui.wait_for(EVENT, 6)
        last = {"action": "newframe", "frame": "1", "framefile": "frame000001.jpG"}
        assert ui.received(EVENT) == [
            {**last, "status": "success"},
            {**last, "status": "error"},
            {"action": "render", "status": "started", "framecount": "1"}
            | {"settings": {}},
            {"action": "render", "status": "running", "progress": 0},
            {"action": "render", "status": "error", "msg": "cannot read a.jpg"},
            {**last, "status": "success"},
        ]
        engine.notify("timelapse.event", {"event": "render", "status": "running"})
        await ui.wait_for(EVENT, 7)
        engine.disconnect()
        await ui.wait_for(EVENT, 9)
        assert ui.received(EVENT)[7]["status"] == "error"
        # What the engine has when it is back is news to open pages.
        engine.panel = panel(40)
        engine.disconnect()
        await ui.wait_until(EVENT, lambda event: event.get("frame") == "40")


async def test_render_when_engine_refuses_then_toast_and_unlock(
    components: Path, engine: FakeEngine
) -> None:
    engine.panel = panel(3)
    engine.answers["timelapse.render"] = Failure("There are no frames", 404)
    engine.answers["timelapse.saveframes"] = Failure("There are no frames", 404)
    async with engine, running_moonraker(components) as ui:
        await engine.wait_for_call("timelapse.status")
        assert (await ui.get(f"{PATH}/lastframeinfo"))["framecount"] == 3
        ui.notifications.clear()
        for action in ("render", "saveframes"):
            answer = await ui.ask("POST", f"{PATH}/{action}")
            assert (answer.status, "There are no frames" in answer.text) == (404, True)
        await ui.wait_for(EVENT, 4)
        for error, unlock in pairs(ui.received(EVENT)):
            assert error["msg"] == "There are no frames"
            assert (unlock["frame"], unlock["framefile"]) == ("3", "frame000003.jpg")


async def test_frames_root_when_engine_names_it_then_is_served_read_only(
    components: Path, engine: FakeEngine, tmp_path: Path
) -> None:
    folder = tmp_path / "frames"
    engine.frames_path = str(folder)
    async with engine, running_moonraker(components) as ui:
        await engine.wait_for_call("timelapse.status")
        (folder / "frame000001.jPG").write_bytes(b"\xff\xd8\xff\xd9")
        path = "/server/files/timelapse_frames/frame000001.jPG"
        answer = await ui.ask("GET", path)
        assert (answer.status, answer.body) == (200, b"\xff\xd8\xff\xd9")
        roots = await ui.get("/server/files/roots")
        (root,) = (root for root in roots if root["name"] == "timelapse_frames")
        assert (root["path"], root["permissions"]) == (str(folder), "r")
        assert (await ui.ask("DELETE", path)).status == 405


async def test_timelapse_when_it_is_another_component_then_ours_says_so(
    tmp_path: Path, engine: FakeEngine
) -> None:
    components = link_component(tmp_path / "components")
    (components / "timelapse.py").write_text(
        "def load_component(config):\n"
        "    async def settings(web_request):\n"
        "        return {'theirs': True}\n"
        "    config.get_server().register_endpoint(\n"
        "        '/machine/timelapse/settings', ['GET'], settings)\n"
        "    return object()\n"
    )
    async with engine, running_moonraker(components) as ui:
        (warning,) = (await ui.get("/server/info"))["warnings"]
        assert f"{components}/timelapse.py" in warning
        assert "Remove moonraker-timelapse" in warning
        assert await settings_of(ui) == {"theirs": True}
        engine.notify("timelapse.event", {"event": "render", "status": "error"})
        await ui.wait_for("notify_prusacam_timelapse")
        assert ui.received(EVENT) == []


async def test_timelapse_when_prusacam_is_not_installed_then_moonraker_starts(
    components: Path,
) -> None:
    (components / "prusacam").unlink()
    async with running_moonraker(components, "[timelapse]\n") as ui:
        info = await ui.get("/server/info")
        assert "timelapse" in info["failed_components"]


# What moonraker-timelapse's macros do as far as Moonraker sees it: they wait until a
# variable is reset, and a print with them stays paused for ever where nobody does.
WAITING_MACROS = """
[gcode_macro TIMELAPSE_TAKE_FRAME]
variable_takingframe: True
gcode:
  {action_call_remote_method("timelapse_newframe",
     macropark={"enable": True, "time": 0.1}, hyperlapse=False)}
[gcode_macro TIMELAPSE_RENDER]
variable_render: True
gcode:
  {action_call_remote_method("timelapse_render", byrendermacro="True")}
"""


@asynccontextmanager
async def running_printer(
    tmp_path: Path, macros: list[Path], gcode: str = "", speed: float = 1.0
) -> AsyncIterator[SimulatedPrinter]:
    gcodes = tmp_path / "data" / "gcodes"
    gcodes.mkdir(parents=True)
    (gcodes / "a.gcode").write_text(gcode)
    printer = SimulatedPrinter(tmp_path / "klippy.sock", gcodes, macros, speed=speed)
    await printer.start()
    try:
        yield printer
    finally:
        await printer.aclose()


async def run(ui: MoonrakerClient, script: str) -> None:
    await ui.post("/printer/gcode/script", {"script": script})


async def variables(ui: MoonrakerClient, macro: str) -> dict[str, Any]:
    query = {"objects": {f"gcode_macro {macro}": None}}
    answer = await ui.post("/printer/objects/query", query)
    status: dict[str, Any] = answer["status"][f"gcode_macro {macro}"]
    return status


async def wait_variable(
    ui: MoonrakerClient, macro: str, variable: str, value: Any
) -> None:
    async with asyncio.timeout(WAIT_S):
        while (await variables(ui, macro))[variable] != value:
            pass


async def test_macros_when_settings_change_then_follow_and_call_the_engine(
    components: Path, engine: FakeEngine, tmp_path: Path
) -> None:
    async with (
        running_printer(tmp_path, [MACROS]),
        engine,
        running_moonraker(components) as ui,
    ):
        await ui.wait_klippy_ready()
        await wait_variable(ui, "TIMELAPSE_TAKE_FRAME", "speed", 100.0)
        await engine.wait_for_call("timelapse.configure")
        await run(ui, "TIMELAPSE_TAKE_FRAME")
        frame = await engine.wait_for_call("timelapse.frame")
        assert (frame["layer"], frame["parked"]) == (None, False)

        await ui.post(f"{PATH}/settings", {"parkhead": True, "park_time": "0.2"})
        await ui.post(f"{PATH}/settings", {"parkpos": "front_right"})
        async with asyncio.timeout(WAIT_S):
            while (park := (await variables(ui, "TIMELAPSE_TAKE_FRAME"))["park"])[
                "pos"
            ] != "front_right":
                pass
        assert (park["enable"], park["time"]) == (True, 0.2)
        await run(ui, "G28\nTIMELAPSE_TAKE_FRAME")
        assert (await engine.wait_for_call("timelapse.frame", 2))["parked"] is True

        await ui.post(f"{PATH}/settings", {"parkhead": False, "mode": "hyperlapse"})
        await wait_variable(ui, "TIMELAPSE_TAKE_FRAME", "mode", "hyperlapse")
        await run(ui, "HYPERLAPSE ACTION=START CYCLE=7\nTIMELAPSE_TAKE_FRAME")
        await run(ui, "HYPERLAPSE ACTION=STOP\nTIMELAPSE_RENDER")
        await engine.wait_for_call("timelapse.render")
        assert engine.calls("timelapse.hyperlapse") == [
            {"action": "start", "cycle_s": 7},
            {"action": "stop", "cycle_s": None},
        ]
        assert engine.count("timelapse.frame") == 2


async def test_macros_when_print_starts_with_parked_hyperlapse_then_klipper_loops(
    components: Path, engine: FakeEngine, tmp_path: Path
) -> None:
    gcode = "G28\n" + "G4 P500\nM400\n" * 30
    async with (
        running_printer(tmp_path, [MACROS], gcode, speed=10.0),
        engine,
        running_moonraker(components) as ui,
    ):
        await ui.wait_klippy_ready()
        wanted = {"parkhead": True, "mode": "hyperlapse", "hyperlapse_cycle": 1}
        await ui.post(f"{PATH}/settings", wanted)
        await wait_variable(ui, "TIMELAPSE_TAKE_FRAME", "mode", "hyperlapse")
        await ui.post("/printer/print/start", {"filename": "a.gcode"})
        assert (await engine.wait_for_call("timelapse.frame"))["parked"] is True
        await engine.wait_until(
            lambda: any(e["event"] == "complete" for e in engine.calls("job.event"))
        )
        await wait_variable(ui, "HYPERLAPSE", "run", value=False)


@pytest.mark.parametrize("there", [True, False])
async def test_macros_when_they_are_upstreams_then_are_released_in_any_case(
    components: Path,
    engine: FakeEngine,
    tmp_path: Path,
    there: bool,
) -> None:
    config = tmp_path / "printer.cfg"
    config.write_text(WAITING_MACROS)
    async with (
        running_printer(tmp_path, [config]),
        running_moonraker(components) as ui,
    ):
        await ui.wait_klippy_ready()
        if there:
            await engine.start()
            await engine.wait_for_call("timelapse.configure")
        await run(ui, "TIMELAPSE_TAKE_FRAME\nTIMELAPSE_RENDER")
        await wait_variable(ui, "TIMELAPSE_TAKE_FRAME", "takingframe", value=False)
        if there:
            await engine.wait_for_call("timelapse.render")
            assert (await variables(ui, "TIMELAPSE_RENDER"))["render"] is True
            event = {"event": "render", "status": "success", "filename": "a.mp4"}
            engine.notify("timelapse.event", event)
        await wait_variable(ui, "TIMELAPSE_RENDER", "render", value=False)
        await engine.aclose()


async def test_restart_when_in_the_same_process_then_panels_come_back(
    components: Path, engine: FakeEngine
) -> None:
    async with engine, running_moonraker(components) as ui:
        await engine.wait_for_call("timelapse.status")
        for round_trip in (2, 3):
            await ui.post("/server/restart")
            await engine.wait_for_call("timelapse.status", round_trip)
            await ui.wait_until_served()
            check_settings(await settings_of(ui), {})
            info = await ui.get("/server/info")
            assert (info["failed_components"], info["warnings"]) == ([], [])
            assert engine.connections == 1
