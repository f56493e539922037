# Tests of the timelapse panels' settings.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types, limits and answers, and what a slow or broken database does to them."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.component import settings_store
from moonraker_prusacam.component.settings_store import SettingsStore
from moonraker_prusacam.component.timelapse_settings import (
    SETTINGS,
    TimelapseSettings,
)

WAIT_S = 5.0

# As moonraker-timelapse 0.x answered Mainsail in a recording.
DEFAULTS = {
    "enabled": True,
    "mode": "layermacro",
    "camera": "",
    "snapshoturl": "http://localhost:8080/?action=snapshot",
    "stream_delay_compensation": 0.05,
    "gcode_verbose": False,
    "parkhead": False,
    "parkpos": "back_left",
    "park_custom_pos_x": 10.0,
    "park_custom_pos_y": 10.0,
    "park_custom_pos_dz": 0.0,
    "park_travel_speed": 100,
    "park_retract_speed": 15,
    "park_extrude_speed": 15,
    "park_retract_distance": 1.0,
    "park_extrude_distance": 1.0,
    "park_time": 0.1,
    "fw_retract": False,
    "hyperlapse_cycle": 30,
    "autorender": True,
    "constant_rate_factor": 23,
    "output_framerate": 30,
    "pixelformat": "yuv420p",
    "time_format_code": "%Y%m%d_%H%M",
    "extraoutputparams": "",
    "variable_fps": False,
    "targetlength": 10,
    "variable_fps_min": 5,
    "variable_fps_max": 60,
    "rotation": 0,
    "flip_x": False,
    "flip_y": False,
    "duplicatelastframe": 5,
    "previewimage": True,
    "saveframes": False,
    "blockedsettings": [],
}


def test_answer_when_nothing_is_set_then_has_every_key_and_type() -> None:
    answer = TimelapseSettings({}).answer
    assert answer == DEFAULTS
    assert {k: type(v) for k, v in answer.items()} == {
        k: type(v) for k, v in DEFAULTS.items()
    }


@pytest.mark.parametrize(
    ("name", "value", "parsed"),
    [
        ("enabled", "false", False),
        ("enabled", "True", True),
        ("enabled", 0, False),
        ("output_framerate", "24", 24),
        ("output_framerate", " 24.0 ", 24),
        ("output_framerate", 24.0, 24),
        ("park_time", "0.25", 0.25),
        ("park_time", 1, 1.0),
        ("stream_delay_compensation", 0.07, 0.07),
        ("park_custom_pos_x", "-5", -5.0),
        ("rotation", "270", 270),
        ("mode", "hyperlapse", "hyperlapse"),
        ("camera", "Küche links", "Küche links"),
        ("camera", "", ""),
        ("extraoutputparams", "-tune 'film'", "-tune 'film'"),
    ],
)
def test_parse_when_text_or_value_then_has_the_keys_type(
    name: str, value: object, parsed: object
) -> None:
    result = SETTINGS[name].parse(value)
    assert result == parsed
    assert type(result) is type(SETTINGS[name].default)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("enabled", "maybe"),
        ("enabled", 2),
        ("enabled", None),
        ("enabled", []),
        ("output_framerate", "fast"),
        ("output_framerate", ""),
        ("output_framerate", 0),
        ("output_framerate", "24.5"),
        ("output_framerate", True),
        ("output_framerate", 1e9),
        ("output_framerate", "9" * 5000),
        ("output_framerate", "nan"),
        ("park_time", "inf"),
        ("park_time", -1),
        ("park_time", {"s": 1}),
        ("park_retract_distance", "1 mm"),
        ("rotation", 45),
        ("mode", "both"),
        ("parkpos", "BACK_LEFT; M112"),
        ("pixelformat", 420),
        ("camera", "x" * 1025),
        ("camera", "two\nlines"),
        ("time_format_code", "\0"),
    ],
)
def test_update_when_a_value_is_bad_then_names_the_key_and_changes_nothing(
    name: str, value: object
) -> None:
    settings = TimelapseSettings({})
    with pytest.raises(ValueError, match=f"^'{name}' must be "):
        settings.update({"saveframes": True, name: value})
    assert settings.answer == DEFAULTS


@given(
    st.sampled_from(list(SETTINGS)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=4,
    ),
)
def test_parse_when_any_json_then_is_typed_or_value_error(
    name: str, value: object
) -> None:
    try:
        parsed = SETTINGS[name].parse(value)
    except ValueError as error:
        assert name in str(error)  # noqa: PT017
    else:
        assert type(parsed) is type(SETTINGS[name].default)


def test_update_when_keys_are_unknown_or_configured_then_they_are_passed_over() -> None:
    settings = TimelapseSettings({"mode": "hyperlapse", "hyperlapse_cycle": 9})
    given = {"mode": "layermacro", "blockedsettings": None, "x": 1, "flip_x": "true"}
    assert settings.update(given) == {"flip_x": True}
    answer = settings.answer
    assert (answer["mode"], answer["hyperlapse_cycle"]) == ("hyperlapse", 9)
    assert answer["blockedsettings"] == [
        "mode",
        "hyperlapse_cycle",
        "modeOptions",
        "hyperlapseCycle",
    ]


def test_restore_when_stored_by_another_then_good_values_are_taken_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = TimelapseSettings({"flip_y": True})
    settings.update({"output_framerate": 50})
    settings.restore(
        {
            "output_framerate": 25,
            "constant_rate_factor": "18",
            "rotation": 33,
            "flip_y": False,
            "blockedsettings": ["x"],
            "of_another_version": 1,
        }
    )
    assert settings.answer == {
        **DEFAULTS,
        "output_framerate": 50,
        "constant_rate_factor": 18,
        "flip_y": True,
        "blockedsettings": ["flip_y"],
    }
    assert "'rotation' must be one of 0, 90, 180, 270" in caplog.text


@pytest.mark.parametrize("stored", [None, [], "text", 5, {}])
def test_restore_when_there_is_nothing_of_use_then_defaults_stay(
    stored: object,
) -> None:
    settings = TimelapseSettings({})
    settings.restore(stored)
    assert settings.answer == DEFAULTS


class FakeDatabase:
    """Moonraker's database, and the server that has it."""

    def __init__(self, stored: Any = None) -> None:
        self.stored = stored
        self.fault: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.written: list[tuple[str, list[str], Any]] = []

    def lookup_component(self, name: str) -> FakeDatabase:
        assert name == "database"
        return self

    async def get_item(self, namespace: str, key: str, default: Any) -> Any:
        assert (namespace, key) == ("timelapse", "config")
        await self.open.wait()
        if self.fault is not None:
            raise self.fault
        return default if self.stored is None else self.stored

    async def insert_item(self, namespace: str, key: list[str], value: Any) -> None:
        await self.open.wait()
        if self.fault is not None:
            raise self.fault
        self.written.append((namespace, key, value))


async def test_store_when_database_is_there_then_settings_are_read_and_written() -> (
    None
):
    database = FakeDatabase({"output_framerate": 12, "kept": 1})
    settings, told = TimelapseSettings({}), asyncio.Event()
    store = SettingsStore(database, settings, told.set)
    await store.loaded()
    assert told.is_set()
    assert settings["output_framerate"] == 12
    await store.save(settings.update({"flip_x": True, "rotation": "90"}))
    assert database.written == [
        ("timelapse", ["config", "flip_x"], True),
        ("timelapse", ["config", "rotation"], 90),
    ]


async def test_store_when_database_hangs_then_nobody_waits_and_late_settings_count(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(settings_store, "LOAD_TIMEOUT_S", 0.01)
    monkeypatch.setattr(settings_store, "SAVE_TIMEOUT_S", 0.01)
    database = FakeDatabase({"output_framerate": 12, "rotation": 180})
    database.open.clear()
    settings, told = TimelapseSettings({}), asyncio.Event()
    store = SettingsStore(database, settings, told.set)
    async with asyncio.timeout(WAIT_S):
        await store.loaded()
        assert settings.answer == DEFAULTS
        await store.save(settings.update({"rotation": 90}))
        assert "late to store" in caplog.text
        database.open.set()
        await told.wait()
    # What was changed meanwhile is newer than what was stored.
    assert (settings["output_framerate"], settings["rotation"]) == (12, 90)
    assert database.written == [("timelapse", ["config", "rotation"], 90)]
    store.close()


async def test_store_when_database_fails_then_defaults_and_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    database = FakeDatabase()
    database.fault = OSError("disk I/O error")
    settings, told = TimelapseSettings({}), asyncio.Event()
    store = SettingsStore(database, settings, told.set)
    await store.loaded()
    assert told.is_set()
    await store.save(settings.update({"flip_x": True}))
    assert settings["flip_x"] is True
    assert "cannot be read" in caplog.text
    assert "was not stored: disk I/O error" in caplog.text
