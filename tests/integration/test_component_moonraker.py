# Tests of the component in real Moonraker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Moonraker, our component in it, and a scripted engine at its socket."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.component.connection import MAX_PENDING
from moonraker_prusacam.emulator.moonraker import MoonrakerProcess, link_component
from tests.support.fake_engine import Failure, FakeEngine, Silence, camera
from tests.support.moonraker_client import MoonrakerClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.moonraker

WAIT_S = 15.0
AT_ONCE_S = 3.0  # on a busy host; the component gives an engine 5 s to answer

ROOT = "/server/prusacam"

GET_ENDPOINTS = [
    "status",
    "cameras",
    "snapshot",
    "timelapse/status",
    "timelapse/list",
    "connect",
    "timelapse/queue",
    "timelapse/videos",
    "timelapse/retention",
    "connect/status",
    "camera/stream",
    "camera/stop",
    "camera/test",
    "prusa_camera/status",
    "prusa_camera/timelapse/list",
]
POST_ENDPOINTS = [
    "timelapse/start",
    "timelapse/frame",
    "timelapse/render",
    "timelapse/discard",
    "timelapse/pin",
    "timelapse/remove",
    "timelapse/retime",
    "timelapse/rerender",
    "timelapse/expire",
    "connect/upload",
    "camera/stop",
    "prusa_camera/snapshot",
    "prusa_camera/move",
    "prusa_camera/set",
    "prusa_camera/reboot",
    "prusa_camera/update_firmware",
    "prusa_camera/timelapse/start",
    "prusa_camera/timelapse/render",
    "prusa_camera/timelapse/download",
]


@pytest.fixture
def engine(tmp_path: Path) -> FakeEngine:
    return FakeEngine(
        tmp_path / "data" / "comms" / "prusacam.sock", cameras=[camera("front")]
    )


@pytest.fixture
def components(tmp_path: Path) -> Path:
    """A folder in which Moonraker finds our component."""
    return link_component(tmp_path / "components")


@asynccontextmanager
async def running_moonraker(
    components: Path, config: str = "", section: str = "[prusacam]\n"
) -> AsyncIterator[tuple[MoonrakerProcess, MoonrakerClient]]:
    """Moonraker with our component, and a client; no traceback of ours is logged."""
    place = components.parent
    async with (
        MoonrakerProcess(
            place / "data",
            place / "klippy.sock",
            config=section + config,
            extra_components=components,
        ) as moonraker,
        MoonrakerClient(moonraker.url) as ui,
    ):
        yield moonraker, ui
    assert "components/prusacam/" not in moonraker.log_text


async def wait_for_warning(ui: MoonrakerClient, text: str) -> str:
    async with asyncio.timeout(WAIT_S):
        while True:
            for warning in (await ui.get("/server/info"))["warnings"]:
                if text in warning:
                    return str(warning)


async def webcams(ui: MoonrakerClient) -> dict[str, dict[str, Any]]:
    listed = (await ui.get("/server/webcams/list"))["webcams"]
    return {webcam["name"]: webcam for webcam in listed}


async def settle(engine: FakeEngine, ui: MoonrakerClient) -> None:
    """Return when all that the engine has sent so far had its effect on ``ui``."""
    count = len(ui.received("notify_prusacam_connect")) + 1
    engine.notify("connect.event", {"event": "fence"})
    await ui.wait_for("notify_prusacam_connect", count)
    await ui.call("server.webcams.list")


async def test_moonraker_when_engine_is_absent_then_starts_and_says_what_to_do(
    components: Path,
) -> None:
    async with running_moonraker(components) as (_, ui):
        warning = await wait_for_warning(ui, "prusacam")
        assert "sudo systemctl start prusacam" in warning
        info = await ui.get("/server/info")
        assert "prusacam" in info["components"]
        assert info["failed_components"] == []
        assert info["warnings"] == [warning]
        began = time.monotonic()
        answers = await asyncio.gather(
            *(ui.ask("GET", f"{ROOT}/{path}") for path in GET_ENDPOINTS),
            *(ui.ask("POST", f"{ROOT}/{path}") for path in POST_ENDPOINTS),
        )
        await ui.get("/server/info")
        assert time.monotonic() - began < AT_ONCE_S
        assert {answer.status for answer in answers} == {503}
        text = "The camera engine is not available"
        assert all(text in answer.text for answer in answers)
        roots = await ui.get("/server/files/roots")
        root = next(root for root in roots if root["name"] == "timelapse")
        assert root["permissions"] == "rw"
        assert root["path"] == str(components.parent / "data" / "timelapse")


async def test_doctor_when_engine_is_absent_then_tells_that_and_what_moonraker_knows(
    components: Path,
) -> None:
    async with running_moonraker(components) as (_, ui):
        await wait_for_warning(ui, "prusacam")
        answer = await ui.get(f"{ROOT}/doctor")
        assert answer["state"] == "failed"
        engine, klipper = answer["findings"]
        assert engine["name"] == "engine"
        assert "not available" in engine["found"]
        assert "sudo systemctl start prusacam" in engine["remedy"]
        assert (klipper["name"], klipper["state"]) == ("klipper", "warning")
        assert (await ui.ask("GET", f"{ROOT}/doctor?dry_run=maybe")).status == 400
        assert (await ui.ask("GET", f"{ROOT}/doctor?camera=x")).status == 400


async def test_doctor_when_engine_is_there_then_its_findings_come_first(
    components: Path, engine: FakeEngine
) -> None:
    fine = {"name": "camera", "state": "ok", "found": "live"}
    engine.answers["engine.doctor"] = {"findings": [fine, 3, {}, {"state": 7}]}
    engine.timelapse_path = "/elsewhere"
    async with running_moonraker(components) as (_, ui), engine:
        await ui.wait_for("notify_webcams_changed")
        answer = await ui.get(f"{ROOT}/doctor?dry_run=true")
        assert answer["findings"][0] == fine
        assert answer["state"] == "warning"
        assert engine.calls("engine.doctor") == [{"dry_run": True}]
        called = await ui.call("server.prusacam.doctor", dry_run=False)
        assert called["result"]["findings"] == answer["findings"]
        assert engine.calls("engine.doctor")[1] == {"dry_run": False}
        busy = Failure("the doctor is at work already", http_status=409)
        engine.answers["engine.doctor"] = busy
        assert (await ui.ask("GET", f"{ROOT}/doctor")).status == 409
        for answered in (Failure("no such method", 404, -32601), None, {"findings": 3}):
            engine.answers["engine.doctor"] = answered
            answer = await ui.get(f"{ROOT}/doctor")
            *_, klipper, component = answer["findings"]
            assert klipper["name"] == "klipper"
            # Moonraker's own warnings about us.
            assert component["name"] == "component"
            assert "/elsewhere" in component["found"]


async def test_engine_when_it_appears_then_webcams_are_announced_once(
    components: Path, engine: FakeEngine
) -> None:
    engine.cameras = [camera("front"), camera("top", rotation=90, target_fps=3)]
    async with running_moonraker(components) as (_, ui):
        await wait_for_warning(ui, "prusacam")
        async with engine:
            changed = await ui.wait_for("notify_webcams_changed")
            assert [webcam["name"] for webcam in changed["webcams"]] == ["front", "top"]
            connected = await ui.wait_for("notify_prusacam_engine")
            assert connected["event"] == "connected"
            assert connected["instance"] == "engine-1"
            listed = await webcams(ui)
            top = listed["top"]
            assert len(top.pop("uid")) == 36
            assert top == {
                "name": "top",
                "enabled": True,
                "icon": "mdiWebcam",
                "aspect_ratio": "4:3",
                "target_fps": 3,
                "target_fps_idle": 3,
                "location": "printer",
                "service": "mjpegstreamer",
                "stream_url": "/webcam2/top/stream.mjpg",
                "snapshot_url": "/webcam2/top/snapshot.jpg",
                "flip_horizontal": False,
                "flip_vertical": False,
                "rotation": 90,
                "source": "config",
                "extra_data": {},
            }
            info = await ui.get("/server/info")
            assert info["warnings"] == []
            await settle(engine, ui)
            assert len(ui.received("notify_webcams_changed")) == 1


async def test_engine_when_it_comes_back_then_streams_are_reopened_once(
    components: Path, engine: FakeEngine
) -> None:
    async with running_moonraker(components) as (_, ui):
        async with engine:
            await ui.wait_for("notify_webcams_changed")
        await ui.wait_for("notify_prusacam_engine", 2)
        assert list(await webcams(ui)) == ["front"]
        assert "systemctl" in await wait_for_warning(ui, "prusacam")
        assert (await ui.ask("GET", f"{ROOT}/status")).status == 503
        engine.instance = "engine-2"
        async with engine:
            await ui.wait_for("notify_webcams_changed", 2)
            await ui.wait_for("notify_prusacam_engine", 3)
            await settle(engine, ui)
    assert len(ui.received("notify_webcams_changed")) == 2
    events = ui.received("notify_prusacam_engine")
    assert [event["event"] for event in events][:3] == [
        "connected",
        "disconnected",
        "connected",
    ]
    assert events[2]["instance"] == "engine-2"


async def test_camera_list_when_it_changes_then_announced_and_never_else(
    components: Path, engine: FakeEngine
) -> None:
    async with (
        engine,
        running_moonraker(components) as (_, ui),
    ):

        async def list_changed(calls: int) -> list[str]:
            engine.notify("camera.event", {"event": "list_changed"})
            await engine.wait_for_call("camera.list", calls)
            await settle(engine, ui)
            return list(await webcams(ui))

        await engine.wait_for_call("camera.list")
        assert await list_changed(2) == ["front"]
        before = len(ui.received("notify_webcams_changed"))
        for calls in range(3, 6):
            engine.cameras[0]["state"] = f"state {calls}"
            await list_changed(calls)
        assert len(ui.received("notify_webcams_changed")) == before

        engine.cameras = [camera("front", rotation=180), camera("side")]
        assert await list_changed(6) == ["front", "side"]
        assert len(ui.received("notify_webcams_changed")) == before + 1
        engine.cameras = [camera("side")]
        assert await list_changed(7) == ["side"]
        assert len(ui.received("notify_webcams_changed")) == before + 2
        assert len(ui.received("notify_prusacam_camera")) == 6


async def test_webcams_when_user_has_the_same_names_then_are_left_alone(
    components: Path, engine: FakeEngine
) -> None:
    own = "\n[webcam front]\nstream_url: /own/?action=stream\n"
    async with running_moonraker(components, own) as (_, ui):
        mine = {"name": "top", "stream_url": "/mine"}
        await ui.post("/server/webcams/item", mine)
        await ui.wait_for("notify_webcams_changed")
        engine.cameras = [camera("front"), camera("top"), camera("side")]
        async with engine:
            await ui.wait_for("notify_webcams_changed", 2)
            listed = await webcams(ui)
            assert listed["front"]["stream_url"] == "/own/?action=stream"
            assert listed["top"]["stream_url"] == "/mine"
            assert listed["top"]["source"] == "database"
            assert listed["side"]["stream_url"] == "/webcam2/side/stream.mjpg"
            engine.cameras = []
            engine.notify("camera.event", {"event": "list_changed"})
            await ui.wait_for("notify_webcams_changed", 3)
            assert sorted(await webcams(ui)) == ["front", "top"]


async def test_snapshot_when_asked_then_bytes_and_errors_are_relayed(
    components: Path, engine: FakeEngine
) -> None:
    jpeg = b"\xff\xd8" + os.urandom(900_000) + b"\xff\xd9"

    def snapshot(params: dict[str, Any]) -> Any:
        pictures = {"": jpeg[:5000], "front": jpeg}
        name = params.get("camera", "")
        if name in pictures:
            data = base64.b64encode(pictures[name]).decode()
            return {"camera": "front", "content_type": "image/jpeg", "data": data}
        return {
            "dark": Failure("no fresh frame\nfrom <dark>", http_status=503),
            "odd": {"data": "abc"},
            "empty": {},
        }.get(name, Failure(f"There is no camera '{name}'", http_status=404))

    engine.answers["camera.snapshot"] = snapshot
    async with (
        engine,
        running_moonraker(components) as (_, ui),
    ):
        await engine.wait_for_call("camera.list")
        path = f"{ROOT}/snapshot"
        for query, size in (("", 5000), ("?camera=", 5000), ("?camera=front", None)):
            answer = await ui.ask("GET", path + query)
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "image/jpeg"
            assert answer.headers["Content-Length"] == str(len(answer.body))
            assert answer.body == jpeg[:size]
        for query, status, text in (
            ("nobody", 404, "There is no camera 'nobody'"),
            ("dark", 503, "no fresh frame from (dark>"),
            ("odd", 502, "not base64"),
            ("empty", 502, "no picture"),
            ("x" * 100, 400, "must be a name"),
        ):
            answer = await ui.ask("GET", path, params={"camera": query})
            assert answer.status == status
            assert text in answer.text
        refused = await ui.call("server.prusacam.snapshot")
        assert refused["error"]["code"] == -32601


async def test_endpoints_when_called_then_arguments_and_results_pass(
    components: Path, engine: FakeEngine
) -> None:
    for method in (
        "engine.status",
        "camera.stream",
        "camera.stop",
        "camera.test",
        "timelapse.start",
        "timelapse.frame",
        "timelapse.render",
        "timelapse.status",
        "timelapse.list",
        "timelapse.queue",
        "timelapse.videos",
        "timelapse.discard",
        "timelapse.pin",
        "timelapse.remove",
        "timelapse.retime",
        "timelapse.rerender",
        "timelapse.retention",
        "connect.status",
        "connect.upload",
    ):
        engine.answers[method] = lambda params, method=method: {method: params}
    async with (
        engine,
        running_moonraker(components) as (_, ui),
    ):
        await engine.wait_for_call("camera.list")

        async def get(path: str) -> Any:
            return await ui.get(f"{ROOT}/{path}")

        async def post(path: str, arguments: dict[str, Any]) -> Any:
            return await ui.post(f"{ROOT}/{path}", arguments)

        assert await get("status") == {"engine.status": {}}
        assert await get("cameras") == {"cameras": engine.cameras}
        assert await get("camera/test?camera=front&_=1") == {
            "camera.test": {"camera": "front"}
        }
        assert await get("camera/stream?camera=front&fps=40&viewer=w") == {
            "camera.stream": {"camera": "front", "fps": 40, "viewer": "w"}
        }
        assert await get("camera/stop?viewer=a%20b") == {
            "camera.stop": {"viewer": "a b"}
        }
        assert await post("camera/stop", {"camera": "front"}) == {
            "camera.stop": {"camera": "front"}
        }
        for path in ("stream?fps=x", "stop?viewer=", f"test?camera={'x' * 65}"):
            assert (await ui.ask("GET", f"{ROOT}/camera/{path}")).status == 400
        assert (await ui.ask("POST", f"{ROOT}/camera/test")).status == 405
        for name in ("get_stop", "post_stop", "test", "stream"):
            called = await ui.call(f"server.prusacam.camera.{name}", camera="front")
            (params,) = called["result"].values()
            assert params == {"camera": "front"}
        assert await get("timelapse/status") == {"timelapse.status": {}}
        assert await get("timelapse/list") == {"timelapse.list": {}}
        assert await get("connect/status") == {"connect.status": {}}
        assert await get("connect") == {"connect.status": {}}
        options = {"mode": "layer", "fps": 30, "park": False}
        assert await post("timelapse/start", options) == {"timelapse.start": options}
        assert await post("timelapse/render", {}) == {"timelapse.render": {}}
        frame = (await post("timelapse/frame", {"layer": "7"}))["timelapse.frame"]
        assert frame["layer"] == 7
        assert 0 < frame["monotonic_ns"] <= time.monotonic_ns()
        for name in ("queue", "videos"):
            assert await get(f"timelapse/{name}") == {f"timelapse.{name}": {}}
        dry = await get("timelapse/retention")
        assert dry == {"timelapse.retention": {"dry_run": True}}
        wet = await post("timelapse/expire", {})
        assert wet == {"timelapse.retention": {"dry_run": False}}
        for name, arguments in (
            ("render", {"job": "1"}),
            ("discard", {"job": "1"}),
            ("pin", {"video": "a.mp4", "pinned": False}),
            ("remove", {"video": "a.mp4"}),
            ("retime", {"video": "a.mp4", "fps": 12.5, "copy": True}),
            ("rerender", {"video": "a.mp4", "crf": 30, "rotation": 90}),
        ):
            relayed = await post(f"timelapse/{name}", arguments)
            assert relayed == {f"timelapse.{name}": arguments}
        refused = await ui.ask("POST", f"{ROOT}/timelapse/pin", json={"vidoe": "a"})
        assert refused.status == 400
        assert "no argument 'vidoe'" in refused.text
        assert await post("connect/upload", {}) == {"connect.upload": {}}
        assert await post("connect/upload", {"camera": "front"}) == {
            "connect.upload": {"camera": "front"}
        }
        bad = {"camera": ["front"]}
        refused = await ui.ask("POST", f"{ROOT}/connect/upload", json=bad)
        assert refused.status == 400
        assert "must be a name" in refused.text
        answer = await ui.call("server.prusacam.timelapse.frame", layer=3)
        assert answer["result"]["timelapse.frame"]["layer"] == 3


async def test_prusa_camera_when_its_endpoints_are_called_then_the_engine_is(
    components: Path, engine: FakeEngine
) -> None:
    listing = "prusa_camera.timelapse.list"
    done = {"state": "done", "video": "a.mp4", "filename": "a.gcode", "created": 1}
    engine.answers[listing] = {"jobs": [done]}
    for method in ("status", "set", "timelapse.download"):
        engine.answers[f"prusa_camera.{method}"] = lambda params: params
    engine.answers["prusa_camera.move"] = Failure("the camera is away; wait", 503)
    root = f"{ROOT}/prusa_camera"
    async with (
        engine,
        running_moonraker(components) as (_, ui),
    ):
        await engine.wait_for_call(listing)  # for the history of prints
        asked = await ui.get(f"{root}/status?ask=true&camera=buddy")
        assert asked == {"ask": True, "camera": "buddy"}
        # Texts, as a query string has them.
        told = await ui.post(f"{root}/set", {"light": "on", "volume": "30"})
        assert told == {"light": True, "volume": 30}
        given = {"name": "cube", "camera": "buddy"}
        assert await ui.post(f"{root}/timelapse/download", given) == given
        answer = await ui.call("server.prusacam.prusa_camera.timelapse.list")
        assert answer["result"] == {"jobs": [done]}
        away = await ui.ask("POST", f"{root}/move", json={"angle": 5})
        assert (away.status, "is away; wait" in away.text) == (503, True)
        for path, arguments in (
            ("set", {"lihgt": "on"}),
            ("set", {"light": "perhaps"}),
            ("move", {"angle": "far"}),
            ("reboot", {"confirmed": "maybe"}),
        ):
            refused = await ui.ask("POST", f"{root}/{path}", json=arguments)
            assert refused.status == 400


async def test_notifications_when_engine_sends_them_then_reach_clients(
    components: Path, engine: FakeEngine
) -> None:
    async with (
        engine,
        running_moonraker(components) as (_, ui),
    ):
        await engine.wait_for_call("camera.list")
        await settle(engine, ui)
        ui.notifications.clear()
        engine.notify("unknown.event", {"event": "dropped"})
        for kind in ("camera", "timelapse", "connect", "engine", "prusa_camera"):
            params = {"event": f"test {kind}", "nested": {"n": [1, None]}}
            engine.notify(f"{kind}.event", params)
            assert await ui.wait_for(f"notify_prusacam_{kind}") == params
        assert len([n for n, _ in ui.notifications if "prusacam" in n]) == 5


async def test_engine_when_it_hangs_then_moonraker_does_not(
    components: Path, engine: FakeEngine
) -> None:
    for method in ("engine.status", "camera.snapshot", "timelapse.frame"):
        engine.answers[method] = Silence()
    async with engine, running_moonraker(components) as (_, ui):
        await engine.wait_for_call("camera.list")
        hanging = asyncio.gather(
            *(ui.ask("GET", f"{ROOT}/status") for _ in range(30)),
            *(ui.ask("GET", f"{ROOT}/snapshot") for _ in range(30)),
            *(ui.ask("POST", f"{ROOT}/timelapse/frame") for _ in range(30)),
        )
        await engine.wait_for_call("engine.status")
        began = time.monotonic()
        for _ in range(10):
            await ui.get("/server/info")
        assert time.monotonic() - began < AT_ONCE_S
        answers = await hanging
        counts = Counter(answer.status for answer in answers)
        assert counts == {504: MAX_PENDING, 503: 90 - MAX_PENDING}
        engine.answers["engine.status"] = {"fine": True}
        assert await ui.get(f"{ROOT}/status") == {"fine": True}
        assert engine.accepted == 1


async def test_engine_when_it_sends_garbage_then_moonraker_goes_on(
    components: Path, engine: FakeEngine
) -> None:
    engine.answers["engine.status"] = {"fine": True}
    async with (
        engine,
        running_moonraker(components) as (moonraker, ui),
    ):
        await engine.wait_for_call("camera.list")
        engine.send_raw(b"garbage\n\xff\xfe\n[]\n{}\n" + b"[" * 100_000 + b"\n")
        assert (await ui.ask("GET", f"{ROOT}/status")).status == 200
        assert engine.accepted == 1
        engine.send_raw(b"x" * (9 << 20))
        await engine.wait_until(lambda: engine.accepted == 2)
        await engine.wait_for_call("camera.list", 2)
        await settle(engine, ui)
        assert (await ui.ask("GET", f"{ROOT}/status")).status == 200
        assert moonraker.log_text.count("prusacam: the engine sent") == 1


async def test_restart_when_in_the_same_process_then_nothing_leaks(
    components: Path, engine: FakeEngine
) -> None:
    async with engine, running_moonraker(components) as (_, ui):
        await engine.wait_for_call("camera.list")
        for round_trip in (1, 2):
            await ui.post("/server/restart")
            await engine.wait_for_call("camera.list", round_trip + 1)
            assert engine.connections == 1
            assert engine.accepted == round_trip + 1
            await ui.wait_until_served()
            assert list(await webcams(ui)) == ["front"]
            info = await ui.get("/server/info")
            assert info["failed_components"] == []
            assert info["warnings"] == []


async def test_options_when_set_then_are_used_without_warnings(
    components: Path, tmp_path: Path
) -> None:
    section = (
        "[prusacam]\n"
        f"socket: {tmp_path}/elsewhere.sock\n"
        "timelapse_path: {data_path}/films/all\n"
    )
    engine = FakeEngine(tmp_path / "elsewhere.sock")
    engine.timelapse_path = "/somewhere/else"
    async with (
        engine,
        running_moonraker(components, section=section) as (_, ui),
    ):
        await engine.wait_for_call("camera.list")
        # Of the options none; of the folder, which is not that of the engine.
        (warning,) = (await ui.get("/server/info"))["warnings"]
        roots = await ui.get("/server/files/roots")
        paths = {root["name"]: root["path"] for root in roots}
        assert paths["timelapse"] == str(tmp_path / "data" / "films" / "all")
        assert "/somewhere/else" in warning
        assert paths["timelapse"] in warning


async def test_timelapse_root_when_another_component_has_it_then_stays_its(
    components: Path, tmp_path: Path, engine: FakeEngine
) -> None:
    (tmp_path / "theirs").mkdir()
    (components / "othertimelapse.py").write_text(
        "def load_component(config):\n"
        "    files = config.get_server().lookup_component('file_manager')\n"
        f"    files.register_directory('timelapse', '{tmp_path}/theirs', True)\n"
        "    return files\n"
    )
    async with (
        engine,
        running_moonraker(components, "\n[othertimelapse]\n") as (_, ui),
    ):
        roots = await ui.get("/server/files/roots")
        paths = {root["name"]: root["path"] for root in roots}
        assert paths["timelapse"] == str(tmp_path / "theirs")
        assert not (tmp_path / "data" / "timelapse").exists()


async def announcements(ui: MoonrakerClient) -> list[tuple[str, str]]:
    listed = (await ui.get("/server/announcements/list"))["entries"]
    return sorted((entry["title"], entry["description"]) for entry in listed)


def ended(*states: str, status: str = "done") -> dict[str, Any]:
    """What the engine tells of a recording whose devices have ended like this."""
    devices = [
        {"name": f"phone{number}", "state": state, "reason": "it was away"}
        for number, state in enumerate(states)
    ]
    session = {"filename": "cube.gcode", "state": status, "devices": devices}
    return {"event": "session", "status": status, "msg": "", "session": session}


async def test_videos_when_some_are_missing_then_announced_until_all_are_there(
    components: Path, engine: FakeEngine
) -> None:
    async with running_moonraker(components) as (_, ui), engine:
        await ui.wait_for("notify_prusacam_engine")
        engine.notify("multicam.event", ended("failed", status="collecting"))
        engine.notify("multicam.event", {"event": "progress", "session": "x"})
        engine.notify(
            "multicam.event", ended("recording", "failed", status="recording")
        )
        await ui.wait_for("notify_announcement_update")
        told = [("MultiCam: no video of phone1", "cube.gcode: phone1: it was away")]
        assert await announcements(ui) == told
        # A change that changes nothing for it is told to nobody.
        engine.notify("multicam.event", ended("collected", "failed"))
        engine.notify("multicam.event", ended("recording", status="recording"))
        # The next one takes its place.
        engine.notify("multicam.event", ended(*["failed"] * 5))
        await ui.wait_for("notify_announcement_update", 3)
        ((title, words),) = await announcements(ui)
        assert title == "MultiCam: no video of phone0, phone1, phone2 and others"
        assert "phone4: it was away" in words
        engine.notify("multicam.event", ended("collected"))
        await ui.wait_for("notify_announcement_update", 4)
        assert await announcements(ui) == []
        # What is done with an older one says nothing of the last one.
        engine.notify("multicam.event", {**ended("failed"), "newest": False})
        await ui.wait_for("notify_prusacam_multicam", 8)
        assert await announcements(ui) == []
        engine.notify("multicam.event", ended("failed"))
        await ui.wait_for("notify_announcement_update", 5)
        engine.notify("multicam.event", {**ended("collected"), "newest": False})
        await ui.wait_for("notify_prusacam_multicam", 10)
        assert len(await announcements(ui)) == 1
        assert len(ui.received("notify_announcement_update")) == 5


async def test_uploads_when_they_fail_for_long_then_it_is_announced_until_they_work(
    components: Path, engine: FakeEngine
) -> None:
    def told(kind: str, camera: str, **more: Any) -> None:
        params = {"event": kind, "camera": camera, "error": "no network", **more}
        engine.notify("connect.event", params)

    async with running_moonraker(components) as (_, ui), engine:
        await ui.wait_for("notify_prusacam_engine")
        for camera_name in ("front", 'it\'s "top"'):
            told("alarm", camera_name)
        await ui.wait_for("notify_announcement_update", 2)
        expected = "Prusa Connect: no snapshots of camera '{}' arrive"
        assert await announcements(ui) == [
            (expected.format("front"), "no network"),
            (expected.format('it\'s "top"'), "no network"),
        ]
        told("failed", "front")
        told("accepted", "front")
        await ui.wait_for("notify_announcement_update", 3)
        assert len(await announcements(ui)) == 1
    # Moonraker keeps them; so does the one that starts next take them away.
    async with running_moonraker(components) as (_, ui), engine:
        await ui.wait_for("notify_prusacam_engine")
        assert len(await announcements(ui)) == 1
        told("accepted", 'it\'s "top"', recovered=True)
        await ui.wait_for("notify_announcement_update")
        assert await announcements(ui) == []
