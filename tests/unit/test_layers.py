# Tests of the direction of imports.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module imports from the layers below it and from its own room, nothing else.

Imports for annotations count as well: a layer does not even name what is above it.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import moonraker_prusacam

PACKAGE = Path(moonraker_prusacam.__file__).parent
MAX_LINES = 500

GROUND = {
    "boot",
    "errors",
    "etx_socket",
    "ffmpeg_program",
    "kernel_clock",
    "log",
    "log_file",
    "log_limit",
    "service",
    "tasks",
    "secret",
    "version",
    "durable",
}
MIDDLE = {
    "config",
    "config_file",
    "config_objects",
    "config_reader",
    "section_reader",
    "engine_options",
    "camera_section",
    "addresses",
    "ini",
    "host_names",
    "networks",
    "access_options",
    "onward_clock",
    "viewing_tokens",
    "nginx",
    "option",
    "orientation",
    "source_url",
    "camera_options",
    "gateway_options",
    "connect_options",
    "printer_options",
    "prusa_camera_options",
    "multicam_options",
    "timelapse_options",
    "disk",
    "mp4",
    "naming",
    "publishing",
    "records",
    "sidecar",
    "signals",
    "print_job",
    "print_follower",
    "video",
    "camera",
    "moonraker",
    "motion",
}
# The rooms of one floor never meet; app puts them together.
ROOMS = {"web", "timelapse", "connect", "control", "multicam", "gateway", "install"}
TOP = {
    "methods",
    "metrics",
    "camera_methods",
    "video_methods",
    "prusa_camera_methods",
    "multicam_methods",
    "synced_recording",
    "printer_methods",
    "bridge",
    "uploads",
    "parameters",
    "role_actions",
    "app",
    "status",
    "viewing",
    "doctor",
}
DOOR = {
    "cli",
    "cli_asked",
    "cli_call",
    "cli_camera",
    "cli_camera_add",
    "cli_camera_probe",
    "cli_completion",
    "cli_connect",
    "cli_doctor",
    "cli_emulator",
    "cli_gateway",
    "cli_nginx",
    "cli_install",
    "cli_printer",
    "cli_prusa_camera",
    "cli_multicam",
    "cli_timelapse",
    "cli_token",
    "cli_trust",
    "__main__",
}
LAYERS = (GROUND, MIDDLE, ROOMS, TOP, DOOR)
APART = {"component", "emulator", "pb"}
# Imported by nobody but these, besides themselves.
WELCOME = {"emulator": {"cli", "cli_emulator"}, "pb": {"connect"}, "component": set()}

MODULES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if "pb" not in path.relative_to(PACKAGE).parts
)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def room_of(path: Path) -> str:
    """The first part of the module's name; the package's own __init__ is ground."""
    name = name_of(path).partition(".")[0]
    return "version" if name == "__init__" else name


def imported(path: Path) -> set[tuple[str, ...]]:
    """Absolute names of what ``path`` imports, wherever the import stands."""
    package = ("moonraker_prusacam", *path.relative_to(PACKAGE).parts[:-1])
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                base = (*package[: len(package) + 1 - node.level], *base)
            found |= {(*base, alias.name) for alias in node.names}
    return found


def rooms_imported(path: Path) -> set[str]:
    names = {name[1] for name in imported(path) if name[0] == "moonraker_prusacam"}
    return {"version" if name == "__version__" else name for name in names}


def allowed_for(room: str) -> set[str]:
    if room == "emulator":
        return set().union(*LAYERS, APART)
    if room == "component":
        return {"component"}
    below: set[str] = set()
    for layer in LAYERS:
        if room in layer:
            floor = {room} if layer is ROOMS else layer
            guests = {name for name, hosts in WELCOME.items() if room in hosts}
            return below | floor | guests
        below |= layer
    raise AssertionError(f"{room} stands in no layer of architecture.md")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_when_it_imports_then_only_from_below(path: Path) -> None:
    room = room_of(path)
    assert rooms_imported(path) - {room} <= allowed_for(room)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_when_counted_then_has_at_most_500_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_component_when_it_imports_then_standard_library_and_moonraker() -> None:
    for path in PACKAGE.joinpath("component").rglob("*.py"):
        for name in imported(path):
            inside = name[:2] == ("moonraker_prusacam", "component")
            known = name[0] in sys.stdlib_module_names or name[0] == "moonraker"
            # Moonraker's own packages are reached relatively from components/prusacam.
            assert inside or known, (path, name)


def test_installer_when_it_imports_then_standard_library_and_ground() -> None:
    for path in PACKAGE.joinpath("install").rglob("*.py"):
        names = imported(path)
        assert {name[0] for name in names} <= {*sys.stdlib_module_names, PACKAGE.name}
        assert rooms_imported(path) - {"install"} <= {"durable", "errors", "version"}


@pytest.mark.parametrize("module", ["cli", "cli_emulator"])
def test_emulator_when_imported_by_cli_then_inside_of_a_function(module: str) -> None:
    tree = ast.parse((PACKAGE / f"{module}.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            assert "emulator" not in str(node.module).split(".")


def test_tasks_when_created_then_by_their_owner_only() -> None:
    for path in MODULES:
        if path.name == "tasks.py" or room_of(path) in ("emulator", "component"):
            continue
        names = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute)
        }
        assert not names & {"create_task", "ensure_future"}, path
