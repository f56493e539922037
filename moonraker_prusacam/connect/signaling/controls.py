# What a camera can be told, and which values make sense.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values are checked here, before they are sent to hardware in somebody's house.

A camera applies what it gets without an answer, so nothing else would tell of a value
that makes no sense. Where no range is known, it is what the field can hold, and
``is_assumed``. 0 can never be sent: proto3 does not tell it from no value at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from moonraker_prusacam.errors import SignalingOptionError

from .messages import Configuration, Direction, Switch

if TYPE_CHECKING:
    import enum

MAX_UINT32 = (1 << 32) - 1
MIN_INT32, MAX_INT32 = -(1 << 31), (1 << 31) - 1
MAX_JOB_NAME_BYTES = 255  # cameras make a file's name of it

E = TypeVar("E", bound="enum.Enum")


@attrs.frozen
class Range:
    """The whole numbers from ``least`` to ``most``, without 0."""

    what: str
    least: int
    most: int
    unit: str = ""
    is_assumed: bool = True

    def check(self, value: object) -> int:
        """``value``; raises SignalingOptionError."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise SignalingOptionError(
                f"{self.what} is a whole number, not {type(value).__name__}"
            )
        if value == 0 and self.least <= 1:
            raise SignalingOptionError(
                f"{self.what} cannot be set to 0: the camera protocol cannot tell 0 "
                f"from no value; it is {self}"
            )
        if not self.least <= value <= self.most:
            raise SignalingOptionError(f"{self.what} is {self}, not {_short(value)}")
        return value

    def __str__(self) -> str:
        unit = self.unit and f" {self.unit}"
        return f"{self.least} to {self.most}{unit}"


def _number(what: str, unit: str = "") -> Range:
    return Range(what, 1, MAX_UINT32, unit)


def _signed(what: str) -> Range:
    return Range(what, MIN_INT32, MAX_INT32)


_BOTH = {
    "angle": _number("the angle", "degrees"),
    # Live: the slider of Prusa Connect's web page.
    "snapshot_interval_s": Range(
        "the snapshot interval", 10, 600, "s", is_assumed=False
    ),
    # From a camera's firmware.
    "volume": Range("the volume", 5, 100, is_assumed=False),
}
RANGES = {
    "seed": {
        **_BOTH,
        "exposure": _number("the exposure"),
        "contrast": _signed("the contrast"),
        "brightness": _signed("the brightness"),
        "saturation": _signed("the saturation"),
    },
    "wire": {
        **_BOTH,
        "brightness": _number("the brightness"),
        "saturation": _number("the saturation"),
        "timelapse_interval_s": _number("the timelapse interval", "s"),
        "timelapse_fps": _number("the timelapse's frames a second"),
    },
}
"""By profile and attribute of Configuration; what is not here has no place in it."""


def number(profile: str, name: str, value: object) -> Configuration:
    """Sets the number ``name``; raises SignalingOptionError.

    One that the profile has no place for is the codec's to refuse.
    """
    known = RANGES[profile].get(name)
    if known is not None:
        value = known.check(value)
    values: dict[str, Any] = {name: value}
    return Configuration(**values)


def rotation(profile: str, direction: object, angle: object) -> Configuration:
    """Turns the camera; raises SignalingOptionError."""
    return Configuration(
        direction=member(Direction, "the direction", direction),
        angle=RANGES[profile]["angle"].check(angle),
    )


def job_name(name: object) -> Configuration:
    """Names the job; raises SignalingOptionError."""
    if not isinstance(name, str):
        raise SignalingOptionError(f"a job's name is text, not {type(name).__name__}")
    try:
        size_bytes = len(name.encode())
    except UnicodeEncodeError:
        raise SignalingOptionError("the job's name is no valid text") from None
    if not name.strip():
        raise SignalingOptionError(
            "the job's name is empty: the camera protocol cannot tell that from none"
        )
    if size_bytes > MAX_JOB_NAME_BYTES:
        raise SignalingOptionError(
            f"the job's name has 1 to {MAX_JOB_NAME_BYTES} octets, not {size_bytes}"
        )
    if not name.isprintable():
        raise SignalingOptionError("the job's name has letters that cannot be printed")
    return Configuration(job_name=name)


def switch(what: str, enabled: object) -> Switch:
    """On or off; raises SignalingOptionError."""
    if not isinstance(enabled, bool):
        raise SignalingOptionError(
            f"{what} is switched by true or false, not by {type(enabled).__name__}"
        )
    return Switch.ON if enabled else Switch.OFF


def member(kind: type[E], what: str, value: object) -> E:
    """``value`` as a member of ``kind``; raises SignalingOptionError."""
    if not isinstance(value, kind):
        names = ", ".join(each.name for each in kind)
        raise SignalingOptionError(f"{what} is one of {names}")
    return value


def confirm(what: str, confirmed: object) -> None:
    """Raises SignalingOptionError unless ``confirmed`` is True itself."""
    if confirmed is not True:
        raise SignalingOptionError(f"{what} only when that is confirmed")


def _short(value: int) -> str:
    # Turning a number of a million digits into text would take a while.
    return str(value) if abs(value) <= MAX_UINT32 else "a number that is far larger"
