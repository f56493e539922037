# The settings of the timelapse panels.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and keeps the settings that Mainsail's and Fluidd's timelapse panels edit.

Names, types and defaults are those of moonraker-timelapse, for the panels know no
others. Mainsail sends the numbers of its text fields as text; both reckon with what
they are answered, so that answers hold real numbers.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .remote_methods import TRUE_TEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

Value = bool | int | float | str

MAX_TEXT = 1024

FALSE_TEXTS = frozenset({"false", "no", "off", "0"})

MODES = ("layermacro", "hyperlapse")
PARK_POSITIONS = (
    "center",
    "front_left",
    "front_right",
    "back_left",
    "back_right",
    "custom",
    "x_only",
    "y_only",
)


@dataclass(frozen=True)
class Setting:
    """One key; its type is that of ``default``, numbers are within the limits."""

    name: str
    default: Value
    minimum: float = 0
    maximum: float = 0
    choices: tuple[Value, ...] = ()

    def parse(self, value: object) -> Value:
        """``value``, or the text of it, in the key's type; raises ValueError."""
        parsed: Value | None
        if isinstance(self.default, bool):
            parsed = _flag(value)
        elif isinstance(self.default, str):
            parsed = _text(value)
        else:
            parsed = self._number(value)
        if parsed is None or (self.choices and parsed not in self.choices):
            raise ValueError(f"'{self.name}' must be {self._meant}")
        return parsed

    def _number(self, value: object) -> int | float | None:
        number = _finite(value)
        if number is None:
            return None
        if not self.choices and not self.minimum <= number <= self.maximum:
            return None
        if isinstance(self.default, float):
            return number
        return int(number) if number == int(number) else None

    @property
    def _meant(self) -> str:
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, str):
            return f"a text of at most {MAX_TEXT} characters in one line"
        kind = "a number" if isinstance(self.default, float) else "a whole number"
        return f"{kind} from {self.minimum:g} to {self.maximum:g}"


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("enabled", default=True),
        Setting("mode", "layermacro", choices=MODES),
        Setting("camera", ""),
        Setting("snapshoturl", "http://localhost:8080/?action=snapshot"),
        Setting("stream_delay_compensation", 0.05, 0, 60),
        Setting("gcode_verbose", default=False),
        Setting("parkhead", default=False),
        Setting("parkpos", "back_left", choices=PARK_POSITIONS),
        Setting("park_custom_pos_x", 10.0, -10_000, 10_000),
        Setting("park_custom_pos_y", 10.0, -10_000, 10_000),
        Setting("park_custom_pos_dz", 0.0, 0, 1000),
        Setting("park_travel_speed", 100, 1, 2000),
        Setting("park_retract_speed", 15, 1, 500),
        Setting("park_extrude_speed", 15, 1, 500),
        Setting("park_retract_distance", 1.0, 0, 100),
        Setting("park_extrude_distance", 1.0, 0, 100),
        Setting("park_time", 0.1, 0, 60),
        Setting("fw_retract", default=False),
        Setting("hyperlapse_cycle", 30, 1, 86_400),
        Setting("autorender", default=True),
        Setting("constant_rate_factor", 23, 0, 51),
        Setting("output_framerate", 30, 1, 240),
        Setting("pixelformat", "yuv420p"),
        Setting("time_format_code", "%Y%m%d_%H%M"),
        Setting("extraoutputparams", ""),
        Setting("variable_fps", default=False),
        Setting("targetlength", 10, 1, 86_400),
        Setting("variable_fps_min", 5, 1, 240),
        Setting("variable_fps_max", 60, 1, 240),
        Setting("rotation", 0, choices=(0, 90, 180, 270)),
        Setting("flip_x", default=False),
        Setting("flip_y", default=False),
        Setting("duplicatelastframe", 5, 0, 10_000),
        Setting("previewimage", default=True),
        Setting("saveframes", default=False),
    )
}

MISSPELT = {
    "mode": "modeOptions",
    "parkpos": "parkposOptions",
    "hyperlapse_cycle": "hyperlapseCycle",
}
"""What Mainsail looks for in ``blockedsettings`` instead of these keys."""


class TimelapseSettings:
    """The values of all keys; those in ``fixed`` (configured) cannot be changed."""

    def __init__(self, fixed: Mapping[str, Value]) -> None:
        self._fixed = dict(fixed)
        self._values = {
            name: self._fixed.get(name, setting.default)
            for name, setting in SETTINGS.items()
        }
        self._changed: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    @property
    def values(self) -> dict[str, Value]:
        """All keys but ``blockedsettings``."""
        return dict(self._values)

    @property
    def answer(self) -> dict[str, Any]:
        """All that the panels are answered; Fluidd fails without a list at the end."""
        blocked = [*self._fixed, *(MISSPELT[n] for n in self._fixed if n in MISSPELT)]
        return {**self._values, "blockedsettings": blocked}

    def update(self, arguments: Mapping[str, Any]) -> dict[str, Value]:
        """Take over what a client sends, or nothing of it; what is to be stored.

        Unknown and configured keys are passed over, for panels send what they have.
        Raises ValueError, which names the key.
        """
        given = {
            name: SETTINGS[name].parse(value)
            for name, value in arguments.items()
            if name in SETTINGS and name not in self._fixed
        }
        self._values.update(given)
        self._changed.update(given)
        return given

    def restore(self, stored: object) -> None:
        """Take over what was stored, also by moonraker-timelapse; never raises.

        What a client changed before it was read is newer, and stays.
        """
        for name, value in stored.items() if isinstance(stored, dict) else ():
            if name not in SETTINGS or name in self._fixed or name in self._changed:
                continue
            try:
                self._values[name] = SETTINGS[name].parse(value)
            except ValueError as error:
                log.warning(
                    "prusacam: the stored timelapse setting %s, and is %.80r; "
                    "%r is used",
                    error,
                    value,
                    SETTINGS[name].default,
                )


def _flag(value: object) -> bool | None:
    if isinstance(value, str):
        text = value.strip().lower()
        if text in TRUE_TEXTS:
            return True
        return False if text in FALSE_TEXTS else None
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    return None


def _text(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return None
    return value if not value or value.isprintable() else None


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
