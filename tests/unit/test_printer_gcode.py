# Tests of G-code that Prusa Connect may have run.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All of a script is on the list, in its limits, or nothing of it is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moonraker_prusacam.connect.printer.klipper.gcode_allowlist import (
    ABSENT,
    MAX_LINES,
    MAX_SCRIPT_BYTES,
    RULES,
    Limits,
    allowed_script,
)
from moonraker_prusacam.errors import CommandRejected

LIMITS = Limits(nozzle_max_c=250.0, bed_max_c=130.0)
MACROS = frozenset({"M107", "PARK", "LOAD_IT"})


def allowed(text: str, *, is_idle: bool = True, limits: Limits = LIMITS) -> str:
    return allowed_script(
        text,
        limits,
        macros=MACROS,
        user_macros=frozenset({"PARK"}),
        is_idle=is_idle,
    )


GOOD = {
    "M104 S200": "M104 S200",
    "m104 s200": "M104 S200",
    "  M104   S200  ; warm": "M104 S200",
    "M104 S0": "M104 S0",
    "M104 S250": "M104 S250",
    "M104 T0 S200.5": "M104 T0 S200.5",
    "M140 S60\n": "M140 S60",
    "M140 S60\r\nM104 S200\r\n": "M140 S60\nM104 S200",
    "; a comment\nM106 S255": "M106 S255",
    "M106": "M106",
    "M106\tS10": "M106 S10",
    "G28": "G28",
    "G28 X Y": "G28 X Y",
    "G28 X0": "G28 X",
    "M84": "M84",
    "M18 E": "M18 E",
    "M220 S120": "M220 S120",
    "M221 S95": "M221 S95",
    "TURN_OFF_HEATERS": "TURN_OFF_HEATERS",
    "M105": "M105",
    "PARK": "PARK",
    "park X=10 SPEED=1.5": "PARK X=10 SPEED=1.5",
}
REFUSED = [
    "",
    " \n;only a comment\n",
    # Words that are not on the list.
    "M112",
    "m112",
    "M109 S200",
    "M190 S60",
    "G0 X10",
    "G1 X10 F3000",
    "G91\nG1 Z-5",
    "G92 Z10",
    "M0",
    "M600",
    "FIRMWARE_RESTART",
    "RESTART",
    "SAVE_CONFIG",
    "SDCARD_PRINT_FILE FILENAME=a.gcode",
    "SET_HEATER_TEMPERATURE HEATER=extruder TARGET=300",
    "FORCE_MOVE STEPPER=stepper_z DISTANCE=-10 VELOCITY=5",
    "SET_KINEMATIC_POSITION Z=100",
    "SET_GCODE_VARIABLE MACRO=A VARIABLE=B VALUE=1",
    "RUN_SHELL_COMMAND CMD=rm",
    "PAUSE",
    "RESUME",
    "CANCEL_PRINT",
    "SET_PIN PIN=psu VALUE=0",
    "LOAD_IT",
    "UNKNOWN",
    # A macro of the user's under the name of a command.
    "M107",
    # One bad line makes all of it bad.
    "M104 S200\nM112",
    "M112\nM104 S200",
    "M104 S200\n\n\nG1 Z0",
    "M104 S200\r\nM112\r\n",
    # What Klipper would read otherwise.
    "N1 M104 S200*92",
    "N1 M112",
    "M104 S200*92",
    "M104 S200 *1",
    "M104S200",
    "M 104 S200",
    "M0104 S200",
    "M104.1 S200",
    "M104 S 200",
    "M104 S200 ; x\nM112",
    "M104 S200 (M112)",
    "M104 S200 M112",
    "M104 S200 G28",
    "M104 'S200'",
    'M104 "S200"',
    "M104 S200\rM112",
    "M104 S200\x0bM112",
    "M104 S200\x0cM112",
    "M104 S200\x1cM112",
    "M104 S200\x85M112",
    "M104 S200\u2028M112",
    "M104 S200\0M112",
    "M104 S200\x03",
    "{printer}",
    "M104 S{200}",
    "!M112",
    "/M112",
    "%",
    # Letters that become others in upper case, or look like them.
    "M104 \u017f200",
    "\u217f104 S200",
    "\uff2d104 S200",
    "M1\u06604 S200",
    "M104 S\u0662\u0660\u0660",
    "\u041c104 S200",
    "PAR\u212a",
    "M104\u00a0S200",
    "\ufeffM104 S200",
    "M104 S200 # x",
    # Numbers.
    "M104",
    "M104 S",
    "M104 S250.1",
    "M104 S999999",
    "M104 S-1",
    "M104 S1e3",
    "M104 S0x10",
    "M104 Snan",
    "M104 Sinf",
    "M104 S+200",
    "M104 S200.",
    "M104 S.5",
    "M104 S2_0",
    "M104 S0000000200",
    "M104 S200 S250",
    "M104 S200 T1",
    "M104 S200 X1",
    "M140 S131",
    "M106 S256",
    "M106 P1 S255",
    "M220 S9",
    "M220 S301",
    "M221 S49",
    "M221 S151",
    "G28 X10",
    "G28 Z0.1",
    "G28 F100",
    "G28 X X",
    "M84 S10",
    "SET_GCODE_OFFSET Z=5",
    "SET_GCODE_OFFSET Z_ADJUST=0.01",
    "SET_GCODE_OFFSET Z_ADJUST=-1",
    "SET_GCODE_OFFSET Z_ADJUST=0.1 X=50",
    "SET_GCODE_OFFSET MOVE=1",
    "SET_GCODE_OFFSET Z_ADJUST",
    "SET_GCODE_OFFSET Z_ADJUST=0.1 Z_ADJUST=0.1",
    "SET_GCODE_OFFSET Z_ADJUST=-0.1\nSET_GCODE_OFFSET Z_ADJUST=-0.1",
    "SET_GCODE_OFFSET Z_ADJUST = 0.1",
    "M105 X",
    # A macro that is allowed, with what would leave its parameter.
    'PARK X="1\nM112"',
    "PARK X={1}",
    "PARK X=a;b\nM112",
    "PARK X='a b'",
    "PARK 1",
    "PARK =1",
    "PARK X=" + "a" * 65,
    # Too much.
    "M105\n" * (MAX_LINES + 1),
    "M105" + " " * MAX_SCRIPT_BYTES,
]


@pytest.mark.parametrize(("text", "run"), GOOD.items())
def test_script_when_all_of_it_is_on_the_list_then_is_written_anew(
    text: str, run: str
) -> None:
    assert allowed(text) == run


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text)[:40])
def test_script_when_anything_is_not_on_the_list_then_none_is_run(text: str) -> None:
    with pytest.raises(CommandRejected, match=r"\w"):
        allowed(text)


@pytest.mark.parametrize("word", [w for w, rule in RULES.items() if rule.only_idle])
def test_word_for_an_idle_printer_when_it_prints_then_is_refused(word: str) -> None:
    assert allowed(word)
    with pytest.raises(CommandRejected, match="while something is printed"):
        allowed(word, is_idle=False)


@pytest.mark.parametrize("text", ["M104 S200", "M106 S9", "M220 S90", "M221 S90"])
def test_word_for_any_time_when_it_prints_then_is_run(text: str) -> None:
    assert allowed(text, is_idle=False) == text


@pytest.mark.parametrize("word", ABSENT)
def test_word_that_people_look_for_when_refused_then_says_why(word: str) -> None:
    with pytest.raises(CommandRejected, match=re.escape(ABSENT[word])):
        allowed(word)


def test_words_of_the_list_when_documented_then_none_is_missing() -> None:
    text = (Path(__file__).parents[2] / "docs" / "printer.md").read_text()
    section = text[text.index("## G-code") : text.index("## Files")]
    told = set(re.findall(r"[A-Z_]{4,}|[GM]\d+", section))
    assert {*RULES, *ABSENT} <= told


@pytest.mark.parametrize("text", ["M104 S20", "M140 S20"])
def test_temperature_when_the_printer_told_no_limit_then_is_refused(text: str) -> None:
    with pytest.raises(CommandRejected, match="this printer has no"):
        allowed(text, limits=Limits())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"extruder": None},
        {"extruder": {}},
        {"extruder": {"max_temp": "250"}},
        {"extruder": {"max_temp": True}},
    ],
)
def test_limits_when_the_configuration_makes_no_sense_then_there_are_none(
    settings: dict[str, object],
) -> None:
    assert Limits.of(settings).nozzle_max_c is None


# How Klipper finds the word of a line (klippy/gcode.py), in our words: the comment is
# cut, then letters and numbers in upper case, without a line number.
TOKENS = re.compile(r"([A-Z_]+|[A-Z*])")


def klipper_word(line: str) -> str:
    parts = TOKENS.split(line.strip().partition(";")[0].upper())
    if "".join(parts[:2]) == "N":
        return "".join(parts[3:5]).strip()
    return "".join(parts[:3]).strip()


PIECES = st.sampled_from(
    [
        "M104",
        "m112",
        "M112",
        "G28",
        "S200",
        "X",
        " ",
        "\n",
        "\r",
        ";",
        "*",
        "N1 ",
        "\u017f",
        "\x0b",
        "PARK",
        "X=1",
        "SET_GCODE_OFFSET",
        "Z_ADJUST=0.1",
        "0",
        "\u2028",
        '"',
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=60))
@example("M104 S200 ;\nM105")
def test_script_when_allowed_then_klipper_reads_only_words_of_the_list(
    text: str,
) -> None:
    try:
        script = allowed(text)
    except CommandRejected:
        return
    assert script.isascii()
    for line in script.split("\n"):
        word = klipper_word(line)
        assert word in {*RULES, "PARK"} - {"M107"}
        assert line.startswith(word)
        assert not re.search(r"[;*\r\"'{}#]", line)
