# Tests of the documentation.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/configuration.md tells of every option, and of none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from moonraker_prusacam import config

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "configuration.md").read_text()
# "" is the text before the first heading; then come title and text by turns.
PARTS = re.split(r"^## (.*)$", PAGE, flags=re.MULTILINE)
TEXTS = dict(zip(PARTS[1::2], PARTS[2::2], strict=True))
HEADINGS = {
    "engine": "[engine]",
    "camera": "[camera NAME]",
    "connect": "[connect NAME]",
    "timelapse": "[timelapse]",
    "track": "[track NAME]",
    "prusa_camera": "[prusa_camera NAME]",
    "printer": "[printer]",
}


def options(section: str) -> dict[str, attrs.Attribute[Any]]:
    return {
        config.option_name(field): field
        for field in attrs.fields(config.SECTIONS[section])
        if config.option_name(field)
    }


def rows(section: str) -> dict[str, tuple[str, str]]:
    """Default and meaning of every row of the section's first table."""
    table = TEXTS[HEADINGS[section]].split("| Option |", 1)[1].split("\n\n", 1)[0]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()[2:]
    ]
    return {name.strip("`"): (default, meaning) for name, default, meaning in cells}


def shown(default: object) -> str:
    if default is attrs.NOTHING:
        return "required"
    if default == () or default == frozenset():
        return "none"
    if isinstance(default, float):
        return f"`{default:g}`"
    if isinstance(default, Path):
        return f"`~/{default.relative_to(Path.home())}`"
    return f"`{default}`"


def test_headings_when_compared_with_sections_then_each_has_one() -> None:
    assert HEADINGS.keys() == config.SECTIONS.keys()
    assert set(HEADINGS.values()) <= TEXTS.keys()


@pytest.mark.parametrize("section", config.SECTIONS)
def test_options_when_compared_with_the_page_then_the_same(section: str) -> None:
    assert list(rows(section)) == list(options(section))


@pytest.mark.parametrize("section", config.SECTIONS)
def test_defaults_when_compared_with_the_page_then_the_same(section: str) -> None:
    documented = rows(section)
    for name, field in options(section).items():
        default, meaning = documented[name]
        assert meaning
        if field.default is None:
            assert default, f"{name}: say what is used instead"
        else:
            assert default == shown(field.default), name


@pytest.mark.parametrize("section", config.SECTIONS)
def test_option_when_declared_then_has_one_line_of_documentation(section: str) -> None:
    for name, field in options(section).items():
        assert field.metadata["doc"].strip(), name
        assert "\n" not in field.metadata["doc"], name


def test_trigger_schemes_when_compared_with_the_page_then_all_are_explained() -> None:
    for scheme in config.TRIGGER_SCHEMES:
        assert f"`{scheme}`" in TEXTS["[connect NAME]"]


def test_defaults_that_are_derived_when_resolved_then_as_the_page_says() -> None:
    made = config.loads("[camera a]\nsource: tcp://b:1\n[engine]\ndata_path: /data")
    derived = {
        "engine": {"socket": made.engine.socket_path},
        "timelapse": {"output_path": made.videos_path, "jobs_path": made.jobs_path},
    }
    for section, paths in derived.items():
        for name, path in paths.items():
            said = rows(section)[name][0].strip("`").replace("<data_path>", "/data")
            assert said == str(path)


def test_examples_when_loaded_then_without_mistake() -> None:
    examples = re.findall(r"^```ini\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(examples) == 2
    smallest, complete = map(config.loads, examples)
    assert [camera.name for camera in smallest.cameras] == ["front"]
    assert complete.timelapse is not None
    assert complete.timelapse.camera == "nozzle"
    assert complete.cameras[0].rotation == 180
    assert complete.connect[0].camera == "front"
