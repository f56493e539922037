# Tests of what the component reads from clients, macros and the engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of endpoints and macros, and the engine's list of cameras."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.component.camera_list import (
    MAX_CAMERAS,
    Listing,
    parse_camera_list,
)
from moonraker_prusacam.component.camera_params import (
    camera_params,
    stop_params,
    stream_params,
)
from moonraker_prusacam.component.endpoints import (
    DECODE_STEP_CHARS,
    MAX_ERROR_TEXT,
    decode_base64,
    frame_params,
    reason_phrase,
)
from moonraker_prusacam.component.errors import EngineAbsent, MalformedAnswer
from moonraker_prusacam.component.remote_methods import RemoteMethods, parse_layer
from moonraker_prusacam.component.video_params import (
    job_params,
    pin_params,
    remove_params,
    rerender_params,
    retime_params,
)
from tests.support.fake_engine import camera

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("value", "layer"),
    [
        (None, None),
        ("None", None),
        ("", None),
        ("  ", None),
        ("seven", None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        (float("nan"), None),
        (float("inf"), None),
        (-1, None),
        ("-3", None),
        (1e300, None),
        ("9" * 400, None),
        (True, None),
        ([], None),
        ([3], None),
        ({"layer": 3}, None),
        (0, 0),
        (7, 7),
        ("7", 7),
        (" 7 ", 7),
        ("7.0", 7),
        (7.9, 7),
        ("1e2", 100),
    ],
)
def test_parse_layer_when_macro_sends_anything_then_is_int_or_none(
    value: object, layer: int | None
) -> None:
    assert parse_layer(value) == layer


@pytest.mark.parametrize(
    ("arguments", "params"),
    [
        ({}, {}),
        ({"camera": None}, {}),
        ({"camera": ""}, {}),
        ({"camera": "front"}, {"camera": "front"}),
        ({"camera": "Küche", "other": 1}, {"camera": "Küche"}),
    ],
)
def test_camera_params_when_valid_then_name_or_nothing(
    arguments: dict[str, Any], params: dict[str, Any]
) -> None:
    assert camera_params(arguments) == params


@pytest.mark.parametrize("value", [5, True, ["front"], {"a": 1}, 1.5, "x" * 65])
def test_camera_params_when_no_name_then_raises(value: object) -> None:
    with pytest.raises(ValueError, match="'camera' must be a name"):
        camera_params({"camera": value})


@pytest.mark.parametrize(
    ("arguments", "params"),
    [
        ({}, {}),
        ({"_": "1", "cacheBust": 2, "camera": ""}, {}),
        ({"camera": "bed", "viewer": "wall 1"}, {"camera": "bed", "viewer": "wall 1"}),
        ({"viewer": None}, {}),
    ],
)
def test_stop_params_when_valid_then_camera_and_viewer(
    arguments: dict[str, Any], params: dict[str, Any]
) -> None:
    assert stop_params(arguments) == params


@pytest.mark.parametrize("viewer", ["", "x" * 41, "a\n", "é", 7, True, ["a"], {}])
@pytest.mark.parametrize("read", [stop_params, stream_params])
def test_viewer_when_no_name_then_raises(viewer: object, read: Any) -> None:
    with pytest.raises(ValueError, match="'viewer' must be a name of 1 to 40"):
        read({"viewer": viewer})


@pytest.mark.parametrize(
    ("fps", "number"), [("10", 10), (12.5, 12.5), ("-3", -3), ("1e9", 10**9)]
)
def test_stream_params_when_fps_is_a_number_then_it_is_one(
    fps: object, number: float
) -> None:
    assert stream_params({"fps": fps, "camera": "a"}) == {"camera": "a", "fps": number}


@pytest.mark.parametrize("fps", ["", "ten", "nan", "inf", True, [10]])
def test_stream_params_when_fps_is_no_number_then_raises(fps: object) -> None:
    with pytest.raises(ValueError, match="'fps' is not a number"):
        stream_params({"fps": fps})


def test_frame_params_when_layer_is_text_then_number() -> None:
    params = frame_params({"layer": "4"})
    assert params["layer"] == 4
    assert params["monotonic_ns"] > 0
    assert frame_params({})["layer"] is None


@pytest.mark.parametrize(
    ("read", "arguments", "params"),
    [
        (job_params, {}, {}),
        (job_params, {"job": "1"}, {"job": "1"}),
        (pin_params, {"video": "a", "pinned": "yes"}, {"video": "a", "pinned": True}),
        (pin_params, {"video": "a", "pinned": False}, {"video": "a", "pinned": False}),
        (remove_params, {"video": "../a"}, {"video": "../a"}),
        (
            retime_params,
            {"video": "a", "fps": "12.5", "hold": " 2 ", "copy": "0"},
            {"video": "a", "fps": 12.5, "hold": 2, "copy": False},
        ),
        (retime_params, {"target_length": 10}, {"target_length": 10}),
        (
            rerender_params,
            {"rotation": "90", "flip_vertical": "true", "crf": "1e1"},
            {"rotation": 90, "flip_vertical": True, "crf": 10},
        ),
    ],
)
def test_video_params_when_they_come_as_texts_then_numbers_and_switches(
    read: Callable[[dict[str, Any]], dict[str, Any]],
    arguments: dict[str, Any],
    params: dict[str, Any],
) -> None:
    assert read(arguments) == params


@pytest.mark.parametrize(
    ("read", "arguments", "said"),
    [
        (job_params, {"job": 7}, "'job' is not a name"),
        (job_params, {"video": "a"}, "no argument 'video'"),
        (pin_params, {"video": "x" * 256}, "'video' is not a name"),
        (pin_params, {"video": None}, "'video' is not a name"),
        (pin_params, {"pinned": "perhaps"}, "'pinned' is neither"),
        (pin_params, {"pinned": []}, "'pinned' is neither"),
        (retime_params, {"fps": "fast"}, "'fps' is not a number"),
        (retime_params, {"fps": True}, "'fps' is not a number"),
        (retime_params, {"fps": [1]}, "'fps' is not a number"),
        (retime_params, {"fps": "nan"}, "'fps' is not a number"),
        (retime_params, {"fps": float("inf")}, "'fps' is not a number"),
        (retime_params, {"hold": "9" * 400}, "'hold' is not a number"),
        (retime_params, {"crf": 20}, "no argument 'crf'"),
        (rerender_params, {"x" * 999: 1}, "no argument"),
    ],
)
def test_video_params_when_they_make_no_sense_then_raises(
    read: Callable[[dict[str, Any]], dict[str, Any]],
    arguments: dict[str, Any],
    said: str,
) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        read(arguments)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "size", [0, 1, 2, 3, DECODE_STEP_CHARS * 3 // 4, DECODE_STEP_CHARS + 1, 300_001]
)
def test_decode_base64_when_any_size_then_same_bytes(size: int) -> None:
    data = os.urandom(size)
    assert decode_base64(base64.b64encode(data).decode()) == data


@pytest.mark.parametrize("text", ["abc", "ä", "====a"])
def test_decode_base64_when_malformed_then_raises(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode_base64(text)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("plain", "plain"),
        ("two\r\nlines: yes", "two lines: yes"),
        ("<b>", "(b>"),
        ("Küche č", "K?che ?"),
        ("nul\x00 bell\x07", "nul bell"),
        ("", "The camera engine gave no reason"),
        ("\n", "The camera engine gave no reason"),
        ("x" * 5000, "x" * MAX_ERROR_TEXT),
    ],
)
def test_reason_phrase_when_any_text_then_fits_a_status_line(
    text: str, phrase: str
) -> None:
    assert reason_phrase(text) == phrase


def test_camera_list_when_valid_then_listings_by_name() -> None:
    listings = parse_camera_list(
        {"cameras": [camera("front"), camera("top", rotation=180, target_fps=5)]}
    )
    assert list(listings) == ["front", "top"]
    assert listings["top"] == Listing(
        name="top",
        stream_url="/webcam2/top/stream.mjpg",
        snapshot_url="/webcam2/top/snapshot.jpg",
        rotation=180,
        flip_horizontal=False,
        flip_vertical=False,
        target_fps=5,
    )


@pytest.mark.parametrize("result", [None, [], "x", {}, {"cameras": {}}, {"cameras": 1}])
def test_camera_list_when_not_a_list_then_raises(result: object) -> None:
    with pytest.raises(MalformedAnswer):
        parse_camera_list(result)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        {},
        camera(""),
        camera("x" * 2000),
        camera("a", name=5),
        camera("a", stream_url=None),
        camera("a", snapshot_url=""),
        camera("a", rotation=45),
        camera("a", rotation="90"),
        camera("a", rotation=False),
        camera("a", flip_horizontal="yes"),
        camera("a", flip_vertical=None),
        camera("a", target_fps=0),
        camera("a", target_fps=15.0),
        camera("a", target_fps=100_000),
    ],
)
def test_camera_list_when_one_is_malformed_then_others_stay(
    bad: object, caplog: pytest.LogCaptureFixture
) -> None:
    listings = parse_camera_list({"cameras": [bad, camera("good")]})
    assert list(listings) == ["good"]
    assert "the engine listed a camera" in caplog.text


def test_camera_list_when_endless_then_is_cut() -> None:
    cameras = [camera(f"cam{n}") for n in range(MAX_CAMERAS + 10)]
    assert len(parse_camera_list({"cameras": cameras})) == MAX_CAMERAS


class FakeLink:
    """Takes requests, or refuses them."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any], float]] = []
        self.futures: list[asyncio.Future[Any]] = []
        self.refusal: Exception | None = None

    def request(
        self, method: str, params: dict[str, Any], timeout_s: float
    ) -> asyncio.Future[Any]:
        if self.refusal is not None:
            raise self.refusal
        json.dumps(params)
        self.sent.append((method, params, timeout_s))
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]


class FakeServer:
    """Collects remote methods."""

    def __init__(self) -> None:
        self.methods: dict[str, Any] = {}

    def register_remote_method(self, name: str, method: Any) -> None:
        self.methods[name] = method


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def methods(link: FakeLink) -> dict[str, Any]:
    server = FakeServer()
    RemoteMethods(server, link).register()  # type: ignore[arg-type]
    return server.methods


async def test_remote_methods_when_called_then_become_requests(
    link: FakeLink, methods: dict[str, Any]
) -> None:
    methods["prusacam_timelapse_start"](mode="layer", self=1, method="x", fps="30")
    methods["prusacam_timelapse_frame"]()
    methods["prusacam_timelapse_frame"](layer="5.0", parked="1", unknown=[1])
    methods["prusacam_timelapse_render"](anything=None)
    methods["prusacam_connect_upload"](camera="None")
    methods["prusacam_connect_upload"](camera="front")
    sent = [(method, dict(params), limit) for method, params, limit in link.sent]
    assert all(params.pop("monotonic_ns", 1) > 0 for _, params, _ in sent)
    assert sent == [
        (
            "timelapse.start",
            {"mode": "layer", "self": 1, "method": "x", "fps": "30"},
            5.0,
        ),
        ("timelapse.frame", {"layer": None, "parked": False}, 5.0),
        ("timelapse.frame", {"layer": 5, "parked": True}, 5.0),
        ("timelapse.render", {}, 5.0),
        ("connect.upload", {}, 45.0),
        ("connect.upload", {"camera": "front"}, 45.0),
    ]


async def test_remote_methods_when_engine_is_absent_then_logged_once(
    link: FakeLink, methods: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    link.refusal = EngineAbsent("not there")
    for layer in range(100):
        methods["prusacam_timelapse_frame"](layer=layer)
    link.refusal = None
    methods["prusacam_timelapse_frame"](layer=100)
    link.futures[0].set_result({"accepted": True})
    methods["prusacam_timelapse_frame"](layer=101)
    link.futures[1].set_exception(EngineAbsent("lost"))
    await asyncio.wait(link.futures)
    await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records] == [
        "prusacam: a macro's timelapse.frame failed: not there",
        "prusacam: timelapse.frame works again, after 100 failures",
        "prusacam: a macro's timelapse.frame failed: lost",
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=4,
    )
)
def test_parse_layer_when_any_json_then_never_raises(value: object) -> None:
    layer = parse_layer(value)
    assert layer is None or layer >= 0
