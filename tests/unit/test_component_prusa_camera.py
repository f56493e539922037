# Tests of the component's endpoints of Prusa cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments as web clients send them, and methods that the engine has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from moonraker_prusacam import cli_prusa_camera, prusa_camera_methods
from moonraker_prusacam.component import prusa_camera_endpoints
from moonraker_prusacam.component.prusa_camera_endpoints import (
    PRUSA_CAMERA_ENDPOINTS,
    ROOT,
    SETTINGS,
    PrusaCameraEndpoint,
)
from moonraker_prusacam.prusa_camera_methods import PrusaCameraMethods

API = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
BY_PATH = {endpoint.path: endpoint for endpoint in PRUSA_CAMERA_ENDPOINTS}


@pytest.mark.parametrize("endpoint", PRUSA_CAMERA_ENDPOINTS, ids=lambda each: each.path)
def test_endpoint_when_compared_then_the_engine_has_it_and_the_page_tells_of_it(
    endpoint: PrusaCameraEndpoint,
) -> None:
    table = PrusaCameraMethods.__new__(PrusaCameraMethods).table
    assert endpoint.method in table
    assert f"| {endpoint.request_type} | `{ROOT}/{endpoint.path}` |" in API
    assert f"| `{endpoint.method}` |" in API


def test_endpoints_when_counted_then_one_for_each_method() -> None:
    table = PrusaCameraMethods.__new__(PrusaCameraMethods).table
    assert {endpoint.method for endpoint in PRUSA_CAMERA_ENDPOINTS} == table.keys()


def test_settings_when_compared_then_the_same_everywhere() -> None:
    assert set(SETTINGS) == set(prusa_camera_methods.SETTINGS)
    options = [*cli_prusa_camera.SWITCHES, *cli_prusa_camera.NUMBERS]
    named = {name.replace("-", "_") for name in options} | {"mode", "quality"}
    assert named == set(SETTINGS)
    assert set(prusa_camera_endpoints.SWITCHES) == set(prusa_camera_methods.SWITCHES)


@pytest.mark.parametrize(
    ("path", "arguments", "params"),
    [
        ("status", {}, {}),
        ("status", {"ask": "true"}, {"ask": True}),
        ("snapshot", {"camera": "buddy"}, {"camera": "buddy"}),
        (
            "move",
            {"direction": "left", "angle": "10"},
            {"direction": "left", "angle": 10},
        ),
        ("set", {"light": "off", "volume": 5}, {"light": False, "volume": 5}),
        ("set", {"quality": "hd", "brightness": "-3"}, {"quality": "hd"}),
        ("reboot", {"confirmed": True}, {"confirmed": True}),
        ("timelapse/download", {"name": "a b"}, {"name": "a b"}),
        ("timelapse/list", {"files": "1"}, {"files": True}),
    ],
)
def test_arguments_when_sent_then_as_the_engine_wants_them(
    path: str, arguments: dict[str, Any], params: dict[str, Any]
) -> None:
    assert BY_PATH[path].params(arguments).items() >= params.items()


@pytest.mark.parametrize(
    ("path", "arguments", "words"),
    [
        ("status", {"asks": "1"}, "no argument 'asks'"),
        ("status", {"camera": ["a"]}, "'camera' is not a name"),
        ("status", {"camera": "x" * 256}, "'camera' is not a name"),
        ("move", {"angle": "far"}, "'angle' is not a number"),
        ("move", {"angle": "inf"}, "'angle' is not a number"),
        ("set", {"light": "maybe"}, "'light' is neither"),
        ("set", {"job_name": "x"}, "no argument 'job_name'"),
        ("timelapse/render", {"name": "x"}, "no argument 'name'"),
    ],
)
def test_arguments_when_wrong_then_refused_in_words(
    path: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        BY_PATH[path].params(arguments)
