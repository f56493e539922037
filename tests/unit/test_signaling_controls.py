# Tests of what a camera can be told.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every range, at both ends and beyond, in both profiles."""

from __future__ import annotations

import pytest

from moonraker_prusacam.connect.signaling import controls
from moonraker_prusacam.connect.signaling.codec import Codec
from moonraker_prusacam.connect.signaling.controls import RANGES
from moonraker_prusacam.connect.signaling.messages import (
    CameraMode,
    Configuration,
    Direction,
    Switch,
    VideoQuality,
)
from moonraker_prusacam.errors import MessageUnsupported, SignalingOptionError

CASES = [(profile, name) for profile in RANGES for name in RANGES[profile]]
NO_NUMBERS = (True, 1.0, "10", None, b"1", [1], float("nan"))


@pytest.mark.parametrize(("profile", "name"), CASES)
def test_number_at_the_ends_of_its_range_then_it_is_sent(
    profile: str, name: str
) -> None:
    known = RANGES[profile][name]
    for value in (known.least, known.most):
        message = controls.number(profile, name, value)
        octets = Codec(profile).encode(message)
        assert getattr(Codec(profile).decode(Configuration, octets), name) == value


@pytest.mark.parametrize(("profile", "name"), CASES)
@pytest.mark.parametrize("step", [1, 1 << 70])
def test_number_beyond_its_range_then_value_and_range_are_named(
    profile: str, name: str, step: int
) -> None:
    known = RANGES[profile][name]
    for value in (known.least - step, known.most + step):
        with pytest.raises(SignalingOptionError) as caught:
            controls.number(profile, name, value)
        assert str(known) in str(caught.value)
        if value and step == 1 and value > -(1 << 31) and value < 1 << 32:
            assert f"not {value}" in str(caught.value)


@pytest.mark.parametrize(
    ("profile", "name"), [case for case in CASES if RANGES[case[0]][case[1]].least <= 1]
)
def test_number_of_zero_then_it_is_said_that_it_cannot_be_sent(
    profile: str, name: str
) -> None:
    with pytest.raises(SignalingOptionError, match="cannot be set to 0"):
        controls.number(profile, name, 0)


@pytest.mark.parametrize(("profile", "name"), CASES)
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_number_of_another_type_then_refused(
    profile: str, name: str, value: object
) -> None:
    with pytest.raises(SignalingOptionError, match="whole number"):
        controls.number(profile, name, value)


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        ("wire", "exposure"),
        ("wire", "contrast"),
        ("seed", "timelapse_interval_s"),
        ("seed", "timelapse_fps"),
    ],
)
def test_number_when_the_profile_lacks_it_then_the_codec_says_so(
    profile: str, name: str
) -> None:
    for value in (7, 0):
        with pytest.raises(MessageUnsupported, match=name):
            Codec(profile).encode(controls.number(profile, name, value))


def test_ranges_of_the_facts_when_looked_at_then_they_are_not_assumed() -> None:
    for profile in RANGES.values():
        told = {name for name, known in profile.items() if not known.is_assumed}
        assert told == {"snapshot_interval_s", "volume"}
        assert str(profile["snapshot_interval_s"]) == "10 to 600 s"
        assert str(profile["volume"]) == "5 to 100"


@pytest.mark.parametrize("direction", list(Direction))
def test_rotation_when_it_makes_sense_then_it_has_both(direction: Direction) -> None:
    assert controls.rotation("wire", direction, 5) == Configuration(
        direction=direction, angle=5
    )


@pytest.mark.parametrize(
    ("direction", "angle"),
    [("LEFT", 5), (1, 5), (None, 5), (Direction.UP, 0), (Direction.UP, -1)],
)
def test_rotation_when_it_makes_none_then_refused(
    direction: object, angle: object
) -> None:
    with pytest.raises(SignalingOptionError):
        controls.rotation("wire", direction, angle)


@pytest.mark.parametrize(
    "name", ["cube", "a" * 255, "ä" * 127, "Würfel 1;2/3.gcode", "😀"]
)
def test_job_name_when_printable_then_it_is_sent(name: str) -> None:
    message = controls.job_name(name)
    octets = Codec("wire").encode(message)
    assert Codec("wire").decode(Configuration, octets).job_name == name


@pytest.mark.parametrize(
    "name", ["", "   ", "a" * 256, "ä" * 128, "a\nb", "\0", "\ud800", None, 5, b"a"]
)
def test_job_name_when_it_makes_no_sense_then_refused(name: object) -> None:
    with pytest.raises(SignalingOptionError):
        controls.job_name(name)


def test_switch_when_not_a_boolean_then_refused() -> None:
    assert controls.switch("it", True) is Switch.ON
    assert controls.switch("it", False) is Switch.OFF
    for value in (1, 0, None, "on", Switch.ON):
        with pytest.raises(SignalingOptionError, match="it is switched"):
            controls.switch("it", value)


def test_member_when_not_of_the_kind_then_all_are_named() -> None:
    assert controls.member(CameraMode, "the mode", CameraMode.DAY) is CameraMode.DAY
    for value in ("DAY", 2, VideoQuality.HD, None):
        with pytest.raises(SignalingOptionError, match="AUTO, DAY, NIGHT"):
            controls.member(CameraMode, "the mode", value)


@pytest.mark.parametrize("confirmed", [False, None, 1, "yes"])
def test_confirm_when_not_true_itself_then_refused(confirmed: object) -> None:
    controls.confirm("it is done", True)
    with pytest.raises(SignalingOptionError, match="only when that is confirmed"):
        controls.confirm("it is done", confirmed)


def test_option_error_when_it_reaches_the_web_then_it_is_a_bad_request() -> None:
    assert SignalingOptionError.http_status == 400
    assert issubclass(SignalingOptionError, ValueError)
