# Tests of a camera's controls.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names old and new, values that cannot be, and the order in which controls obey."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import attrs
import pytest
from linuxpy.video import raw

from moonraker_prusacam.camera.v4l2.controls import (
    Control,
    read_controls,
    resolve,
    set_controls,
)
from moonraker_prusacam.camera.v4l2.device import CallFailed, Device
from tests.support.v4l2_camera import DEVICE, V4l2Camera, needs_compiler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ID, KIND = raw.ControlID, raw.CtrlType
READ_ONLY = raw.ControlFlag.READ_ONLY
BRIGHTNESS = Control(ID.BRIGHTNESS, KIND.INTEGER, "Brightness", -64, 64, 0)
MENU = Control(
    ID.EXPOSURE_AUTO,
    KIND.MENU,
    "Auto Exposure",
    0,
    3,
    0,
    ((1, "Manual Mode"), (3, "Aperture Priority Mode")),
)
SWITCH = Control(ID.FOCUS_AUTO, KIND.BOOLEAN, "Focus, Auto", 0, 1, 0)
BUTTON = Control(ID.DO_WHITE_BALANCE, KIND.BUTTON, "Do White Balance", 0, 0, 0)
TEXT = Control(0x9A0963, KIND.STRING, "Serial Number", 0, 31, 0x100)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Brightness", "brightness"),
        ("Exposure, Auto", "exposure_auto"),
        ("Exposure (Absolute)", "exposure_absolute"),
        ("White Balance Temperature, Auto", "white_balance_temperature_auto"),
        ("Exposure, Dynamic Framerate", "exposure_dynamic_framerate"),
        ("LED1 Mode", "led1_mode"),
        ("H264 I-Frame Period", "h264_i_frame_period"),
        (" Pan/Tilt  (Reset) ", "pan_tilt_reset"),
    ],
)
def test_name_when_made_of_a_title_then_it_is_as_v4l2_ctl_prints_it(
    title: str, name: str
) -> None:
    assert attrs.evolve(BRIGHTNESS, title=title).name == name


@pytest.mark.parametrize(
    ("control", "value", "objection"),
    [
        (BRIGHTNESS, 64, None),
        (BRIGHTNESS, -65, "is from -64 to 64"),
        (attrs.evolve(BRIGHTNESS, flags=READ_ONLY), 5, "can only be read"),
        (attrs.evolve(BRIGHTNESS, kind=KIND.U8), 5, "is no number"),
        (SWITCH, 1, None),
        (SWITCH, 2, "is on (1) or off (0)"),
        (MENU, 3, None),
        (MENU, 2, "is one of 1 (Manual Mode), 3 (Aperture Priority Mode)"),
        (BUTTON, 7, None),
        (TEXT, 1, "is no number"),
    ],
)
def test_objection_when_a_value_cannot_be_then_it_says_what_can(
    control: Control, value: int, objection: str | None
) -> None:
    assert control.objection(value) == objection


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ("brighness", "there is no brighness (did you mean brightness?), but "),
        ("xyz", "there is no xyz, but brightness, auto_exposure, focus_auto"),
        ("exposure", "there is no exposure (did you mean auto_exposure?), but b"),
    ],
)
def test_resolve_when_a_name_is_unknown_then_the_nearest_one_is_told(
    wanted: str, complaint: str
) -> None:
    values, complaints = resolve([BRIGHTNESS, MENU, SWITCH], [(wanted, 1)])
    assert values == []
    assert len(complaints) == 1
    assert complaints[0].startswith(complaint)


def test_resolve_when_a_control_is_named_twice_then_the_first_value_holds() -> None:
    wanted = [("exposure_auto", 1), ("auto_exposure", 3), ("brightness", 5)]
    values, complaints = resolve([BRIGHTNESS, MENU], wanted)
    assert values == [(MENU, 1), (BRIGHTNESS, 5)]
    assert complaints == ["auto_exposure=3: auto_exposure is set already"]


def test_resolve_when_a_camera_has_no_controls_then_it_says_so() -> None:
    assert resolve([], [("gain", 1)]) == ([], ["there is no gain, but none"])


# --- with a camera


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[V4l2Camera]:
    camera = V4l2Camera(tmp_path)
    with camera.installed():
        yield camera


@pytest.fixture
def device(camera: V4l2Camera) -> Iterator[Device]:
    device = Device(DEVICE)
    device.open()
    yield device
    device.close()


OLD = (
    ("exposure_absolute", 100),
    ("exposure_auto", 1),
    ("white_balance_temperature", 3000),
    ("white_balance_temperature_auto", 0),
    ("focus_absolute", 50),
    ("focus_auto", 0),
)
NEW = (
    ("exposure_time_absolute", 100),
    ("auto_exposure", 1),
    ("white_balance_temperature", 3000),
    ("white_balance_automatic", 0),
    ("focus_absolute", 50),
    ("focus_automatic_continuous", 0),
)


@needs_compiler
@pytest.mark.parametrize("wanted", [OLD, NEW, OLD[::-1], NEW[::-1]])
@pytest.mark.parametrize("has_old_names", [0, 1])
def test_set_controls_when_names_are_of_another_kernel_then_they_are_found(
    camera: V4l2Camera,
    device: Device,
    wanted: tuple[tuple[str, int], ...],
    has_old_names: int,
) -> None:
    camera.set(HAS_OLD_NAMES=has_old_names)
    assert set_controls(device, wanted) == []
    assert {name: camera.value(name) for name, _ in NEW} == dict(NEW)


@needs_compiler
@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("brightness", 500, "brightness=500: it is from -64 to 64"),
        ("focus_auto", 2, "focus_automatic_continuous=2: it is on (1) or off (0)"),
        (
            "power_line_frequency",
            3,
            "power_line_frequency=3: it is one of 0 (Disabled), 1 (50 Hz), 2 (60 Hz)",
        ),
        ("privacy", 1, "privacy=1: it can only be read"),
        ("serial_number", 1, "serial_number=1: it is no number"),
        (
            "focus_absolute",
            30,
            "focus_absolute=30: it has no effect unless focus_automatic_continuous=0",
        ),
        (
            "exposure_absolute",
            30,
            "exposure_time_absolute=30: it has no effect unless auto_exposure=1 is set",
        ),
        ("user_controls", 1, "there is no user_controls"),
    ],
)
def test_set_controls_when_one_cannot_be_then_the_others_are_set(
    camera: V4l2Camera, device: Device, name: str, value: int, complaint: str
) -> None:
    (told,) = set_controls(device, [(name, value), ("do_white_balance", 1)])
    assert told.startswith(complaint)
    assert camera.value("do_white_balance") == 1


@needs_compiler
def test_set_controls_when_the_camera_rounds_then_it_says_what_it_took(
    camera: V4l2Camera, device: Device
) -> None:
    wanted = [("focus_auto", 0), ("focus_absolute", 33)]
    told = "focus_absolute=33: the camera made 30 of it"
    assert set_controls(device, wanted) == [told]
    assert camera.value("focus_absolute") == 30


@needs_compiler
def test_set_controls_when_it_is_a_button_then_it_is_pushed(
    camera: V4l2Camera, device: Device
) -> None:
    assert set_controls(device, [("do_white_balance", 1)]) == []
    assert camera.value("do_white_balance") == 1


@needs_compiler
@pytest.mark.parametrize(
    "call", [raw.IOC.QUERY_EXT_CTRL, raw.IOC.QUERYMENU, raw.IOC.S_EXT_CTRLS]
)
def test_set_controls_when_the_camera_is_gone_then_it_does_not_go_on(
    camera: V4l2Camera, device: Device, call: int
) -> None:
    camera.fail(call, errno.ENODEV)
    with pytest.raises(CallFailed) as caught:
        set_controls(device, [("auto_exposure", 1)])
    assert caught.value.is_gone


@needs_compiler
def test_read_controls_when_a_menu_has_gaps_then_items_keep_their_numbers(
    device: Device,
) -> None:
    controls = {control.name: control for control in read_controls(device)}
    assert "user_controls" not in controls
    items = ((1, "Manual Mode"), (3, "Aperture Priority Mode"))
    assert controls["auto_exposure"].items == items
