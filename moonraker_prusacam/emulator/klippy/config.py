# Klipper-style configuration files.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads printer.cfg with its includes, and remembers what was read as what.

Sections that the simulated printer does not know are accepted and listed in the
``configfile`` object, so that a real printer.cfg loads. Source: Klipper
docs/Config_Reference.md and klippy/configfile.py.
"""

from __future__ import annotations

import configparser
import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

# A small bed slinger. Speeds and accelerations are those of the printer that the
# transcripts in tests/data/klippy were recorded on.
DEFAULT_CONFIG = """
[mcu]
serial: /dev/serial/by-id/simulated
[printer]
kinematics: cartesian
max_velocity: 300
max_accel: 2000
max_z_velocity: 15
max_z_accel: 100
square_corner_velocity: 5.0
minimum_cruise_ratio: 0.5
[stepper_x]
position_min: 0
position_endstop: 0
position_max: 250
homing_speed: 100
[stepper_y]
position_min: 0
position_endstop: 0
position_max: 210
homing_speed: 100
[stepper_z]
position_min: -2
position_endstop: 0
position_max: 220
homing_speed: 15
[extruder]
nozzle_diameter: 0.4
filament_diameter: 1.75
min_temp: 0
max_temp: 300
min_extrude_temp: 170
max_extrude_only_distance: 50
[heater_bed]
min_temp: 0
max_temp: 130
[fan]
[virtual_sdcard]
[pause_resume]
[display_status]
[exclude_object]
"""

_TRUE = frozenset({"1", "yes", "true", "on"})
_FALSE = frozenset({"0", "no", "false", "off"})


class PrinterConfig:
    """All sections in the order of the files; option names are lower case."""

    def __init__(self) -> None:
        self._parser = configparser.RawConfigParser(
            strict=False, inline_comment_prefixes=(";", "#")
        )
        self._typed: dict[tuple[str, str], Any] = {}

    @classmethod
    def load(cls, paths: Sequence[Path], gcodes_path: Path) -> PrinterConfig:
        """Read the default printer, then ``paths``; later values win.

        Raises ConfigError. Blocks on files: call it in a thread.
        """
        config = cls()
        config._add("<default>", DEFAULT_CONFIG.split("\n"))
        for path in paths:
            config._read(path, ())
        config._parser.set("virtual_sdcard", "path", str(gcodes_path))
        return config

    def _read(self, path: Path, including: tuple[Path, ...]) -> None:
        absolute = path.absolute()
        if absolute in including:
            raise ConfigError(f"Recursive include of config file '{path}'")
        try:
            text = absolute.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"Unable to open config file {path}") from error
        # Lines between two includes are parsed as one, so that what is included
        # overrides what stands above it and is overridden by what stands below.
        block: list[str] = []
        for raw_line in text.split("\n"):
            line = raw_line.partition("#")[0]
            header = configparser.RawConfigParser.SECTCRE.match(line)
            name = header.group("header") if header else ""
            if name.startswith("include "):
                self._add(str(path), block)
                block = []
                self._include(absolute, name[8:].strip(), (*including, absolute))
            else:
                block.append(line)
        self._add(str(path), block)

    def _include(self, source: Path, spec: str, including: tuple[Path, ...]) -> None:
        pattern = str(source.parent / spec)
        found = sorted(glob.glob(pattern))  # noqa: PTH207 - Klipper's own globbing
        if not found and not glob.has_magic(pattern):
            raise ConfigError(f"Include file '{pattern}' does not exist")
        for name in found:
            self._read(Path(name), including)

    def _add(self, source: str, lines: Sequence[str]) -> None:
        try:
            self._parser.read_string("\n".join(lines), source)
        except configparser.Error as error:
            raise ConfigError(str(error)) from error

    def sections(self, prefix: str = "") -> list[ConfigSection]:
        """Sections whose name starts with ``prefix``, in order."""
        return [
            ConfigSection(self, name)
            for name in self._parser.sections()
            if name.startswith(prefix)
        ]

    def section(self, name: str) -> ConfigSection:
        """The section of that name, which need not exist."""
        return ConfigSection(self, name)

    def has_section(self, name: str) -> bool:
        """Whether the section stands in a file."""
        return self._parser.has_section(name)

    def raw(self) -> dict[str, dict[str, str]]:
        """Every option of every section as text: ``configfile.config``."""
        return {
            name: dict(self._parser.items(name)) for name in self._parser.sections()
        }

    def settings(self) -> dict[str, dict[str, Any]]:
        """Every option with its type and default: ``configfile.settings``."""
        result: dict[str, dict[str, Any]] = {}
        for name, options in self.raw().items():
            values = result.setdefault(name.lower(), {})
            for option, text in options.items():
                values[option] = text if " " in name else _guess(text)
        for (name, option), value in self._typed.items():
            result.setdefault(name.lower(), {})[option] = value
        return result

    def lookup(self, section: str, option: str) -> str | None:
        """The text of an option, or None."""
        return self._parser.get(section, option, fallback=None)

    def options(self, section: str) -> list[str]:
        """Names of the options of a section that exists."""
        return self._parser.options(section)

    def note(self, section: str, option: str, value: Any) -> None:
        """Remember with which type, or as which default, an option was read."""
        self._typed[section, option] = value


class ConfigSection:
    """One section; the getters raise ConfigError in Klipper's words."""

    def __init__(self, config: PrinterConfig, name: str) -> None:
        self._config = config
        self.name = name

    def find(self, option: str) -> str | None:
        """The text of the option, or None."""
        text = self._config.lookup(self.name, option)
        if text is not None:
            self._config.note(self.name, option, text)
        return text

    def get(self, option: str, default: str | None = None) -> str:
        """The text of the option; ConfigError if absent without a default."""
        text = self.find(option)
        if text is not None:
            return text
        if default is None:
            raise ConfigError(
                f"Option '{option}' in section '{self.name}' must be specified"
            )
        self._config.note(self.name, option, default)
        return default

    def get_float(
        self,
        option: str,
        default: float,
        *,
        minimum: float | None = None,
        above: float | None = None,
    ) -> float:
        """The option as a float within the limits."""
        text = self._config.lookup(self.name, option)
        try:
            value = default if text is None else float(text)
        except ValueError as error:
            raise ConfigError(
                f"Unable to parse option '{option}' in section '{self.name}'"
            ) from error
        where = f"Option '{option}' in section '{self.name}' must"
        if minimum is not None and value < minimum:
            raise ConfigError(f"{where} have minimum of {minimum}")
        if above is not None and value <= above:
            raise ConfigError(f"{where} be above {above}")
        self._config.note(self.name, option, value)
        return value

    def options(self, prefix: str) -> list[str]:
        """Names of the options that start with ``prefix``."""
        return [
            option
            for option in self._config.options(self.name)
            if option.startswith(prefix)
        ]


def _guess(text: str) -> bool | float | str:
    lowered = text.lower()
    try:
        return float(text)
    except ValueError:
        pass
    if lowered in _TRUE or lowered in _FALSE:
        return lowered in _TRUE
    return text
