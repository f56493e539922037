# Tests of the Klipper-style configuration loader.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Includes, comments, multi-line values, and every mistake that stops a Klipper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.emulator.klippy import SimulatedPrinter
from moonraker_prusacam.emulator.klippy.config import PrinterConfig
from moonraker_prusacam.errors import ConfigError
from tests.support.klippy_client import running_printer

if TYPE_CHECKING:
    from pathlib import Path


def load(folder: Path, **files: str) -> PrinterConfig:
    for name, text in files.items():
        path = folder / f"{name}.cfg"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return PrinterConfig.load([folder / "printer.cfg"], folder / "gcodes")


def test_load_when_values_are_indented_then_lines_are_joined(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        printer="""\
# A comment
[gcode_macro A]  ; another
description: does # nothing
gcode:
    G28 ; home

      M117 {params.X|default(1)}  # shown
variable_x: 1
""",
    )
    section = config.section("gcode_macro A")
    assert section.get("gcode") == "\nG28\n\nM117 {params.X|default(1)}"
    assert section.get("description") == "does"
    assert section.options("variable_") == ["variable_x"]


def test_load_when_included_then_order_decides(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        printer="""\
[a]
x: 1
y: 1
[include parts/*.cfg]
[include none*.cfg]
[a]
y: 3
""",
        **{"parts/one": "[a]\nx: 2\ny: 2\n", "parts/two": "[a]\nz: 4\n"},
    )
    assert config.raw()["a"] == {"x": "2", "y": "3", "z": "4"}


def test_load_when_sections_are_unknown_then_they_are_listed(tmp_path: Path) -> None:
    config = load(tmp_path, printer="[tmc2209 stepper_x]\nrun_current: 0.8\n")
    assert config.settings()["tmc2209 stepper_x"] == {"run_current": "0.8"}
    assert config.settings()["extruder"]["min_extrude_temp"] == 170.0
    assert config.raw()["virtual_sdcard"]["path"] == str(tmp_path / "gcodes")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[include printer.cfg]", "Recursive include"),
        ("[include missing.cfg]", "does not exist"),
        ("x: 1", "no section headers"),
        ("[a]\nwhat is this", "parsing errors"),
        ("[a]\nname: \xff".encode("latin-1").decode("latin-1"), ""),
    ],
)
def test_load_when_file_is_wrong_then_config_error(
    tmp_path: Path, text: str, message: str
) -> None:
    if not message:
        (tmp_path / "printer.cfg").write_bytes(text.encode("latin-1"))
        with pytest.raises(ConfigError, match="Unable to open config file"):
            PrinterConfig.load([tmp_path / "printer.cfg"], tmp_path)
        return
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, printer=text)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("[gcode_macro A]", "Option 'gcode' in section 'gcode_macro A' must"),
        ("[gcode_macro A B]\ngcode: G28", "contains illegal whitespace"),
        ("[gcode_macro A]\ngcode: {% if %}", "Error loading template"),
        ("[gcode_macro A]\ngcode: {% do x.append(1) %}", "unknown tag 'do'"),
        ("[gcode_macro A]\nvariable_x: one\ngcode: G28", "is not a valid literal"),
        ("[gcode_macro A]\nvariable_x: {1}\ngcode: G28", "is not a valid literal"),
        ("[gcode_macro A]\nrename_existing: B\ngcode: G28", "'A' not found"),
        ("[gcode_macro A]\nrename_existing: G9\ngcode: G28", "different types"),
        ("[gcode_macro PAUSE]\ngcode: G28", "PAUSE already registered"),
        ("[gcode_macro A-B]\ngcode: G28", "invalid name"),
        ("[printer]\nmax_accel: fast", "Unable to parse option 'max_accel'"),
        ("[printer]\nmax_velocity: 0", "must be above 0"),
        ("[delayed_gcode a]\ninitial_duration: -1\ngcode: G28", "minimum of 0"),
        ("[respond]\ndefault_type: loud", "is not a valid choice"),
    ],
)
async def test_start_when_config_is_wrong_then_state_is_error(
    tmp_path: Path, config: str, message: str
) -> None:
    async with running_printer(tmp_path, config=config) as (printer, client):
        info = await client.request("info")
        assert info["state"] == printer.klippy_state == "error"
        assert message in info["state_message"]
        assert info["state_message"].endswith("Printer is halted\n")
        # Restarting is still possible.
        help_texts = await client.request("gcode/help")
        assert "FIRMWARE_RESTART" in help_texts


async def test_status_when_macros_are_loaded_then_configfile_has_them(
    tmp_path: Path,
) -> None:
    config = "[gcode_macro Load_A]\nvariable_n: 3\ngcode:\n  G28\n  M84\n"
    async with running_printer(tmp_path, config=config) as (_printer, client):
        status = (await client.status(configfile=None))["configfile"]
        assert status["config"]["gcode_macro Load_A"]["gcode"] == "\nG28\nM84"
        settings = status["settings"]["gcode_macro load_a"]
        assert settings == {
            "variable_n": "3",
            "gcode": "\nG28\nM84",
            "description": "G-Code macro",
        }
        assert status["settings"]["printer"]["max_accel"] == 2000.0
        assert status["warnings"] == []
        assert status["save_config_pending"] is False


async def test_variables_when_saved_then_survive_a_new_printer(tmp_path: Path) -> None:
    config = f"[save_variables]\nfilename: {tmp_path}/variables.cfg\n"
    async with running_printer(tmp_path, config=config) as (_printer, client):
        await client.gcode("SAVE_VARIABLE VARIABLE=spool VALUE=\"{'id': 3}\"")
    async with running_printer(tmp_path, config=config) as (_printer, client):
        status = await client.status(save_variables=None)
        assert status["save_variables"]["variables"] == {"spool": {"id": 3}}


@pytest.mark.parametrize("speed", [0.0, -1.0])
def test_printer_when_speed_is_not_positive_then_value_error(
    tmp_path: Path, speed: float
) -> None:
    with pytest.raises(ValueError, match="speed must be above 0"):
        SimulatedPrinter(tmp_path / "s", tmp_path, speed=speed)
