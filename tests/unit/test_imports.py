# Tests of importing.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules can be imported in any order, and the command line starts light."""

from __future__ import annotations

import pkgutil
import random
import subprocess
import sys
from pathlib import Path

import pytest

import moonraker_prusacam

PACKAGE = Path(moonraker_prusacam.__file__).parent
TIMEOUT_S = 55.0
PARTS = 4
# Compiled by setup.py where there is a compiler; run on import; needs Moonraker.
NOT_ALWAYS = ("_scanner_c", ".__main__", ".component")
# Alone: whatever an earlier import loaded of our package is forgotten.
IMPORT_EACH = """
import importlib, sys
for name in sys.argv[1:]:
    for loaded in [n for n in sys.modules if n.startswith("moonraker_prusacam")]:
        del sys.modules[loaded]
    importlib.import_module(name)
"""
HEAVY = (
    *("PIL", "aiohttp", "jinja2", "linuxpy", "moonraker_prusacam.emulator", "numpy"),
    "prometheus_client",
)
IMPORT_CLI = f"""
import sys, moonraker_prusacam.cli
print(*(name for name in {HEAVY!r} if name in sys.modules))
"""


def python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("part", range(PARTS))
def test_modules_when_each_is_imported_first_then_none_fails(part: int) -> None:
    names = [
        module.name
        for module in pkgutil.walk_packages([str(PACKAGE)], "moonraker_prusacam.")
        if not any(part in module.name for part in NOT_ALWAYS)
    ]
    assert len(names) > 40
    random.Random(7).shuffle(names)
    python(IMPORT_EACH, *names[part::PARTS])


def test_command_line_when_imported_then_loads_nothing_heavy() -> None:
    assert python(IMPORT_CLI).split() == []


def test_engine_when_imported_then_no_library_for_prometheus() -> None:
    code = (
        "import sys, moonraker_prusacam.app; print('prometheus_client' in sys.modules)"
    )
    assert python(code).split() == ["False"]


def test_engine_when_imported_then_no_source_is_loaded_that_nobody_has_named() -> None:
    sources = "moonraker_prusacam.camera.sources."
    code = f"""
import sys, moonraker_prusacam.app
print(*(n for n in sys.modules if n == "linuxpy" or n.startswith({sources!r})))
"""
    assert python(code).split() == []
