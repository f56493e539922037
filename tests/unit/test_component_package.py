# Tests of the component's package.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component runs in Moonraker's interpreter and needs nothing of ours there."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import moonraker_prusacam.component

FOLDER = Path(moonraker_prusacam.component.__file__).parent
MODULES = sorted(FOLDER.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_component_when_parsed_by_python_3_10_then_is_valid(module: Path) -> None:
    ast.parse(module.read_text(), feature_version=(3, 10))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_component_when_imported_then_needs_stdlib_and_moonraker_only(
    module: Path,
) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1, "an import from beyond the component"
            names = [node.module or ""] if node.level == 0 else []
        else:
            continue
        for name in names:
            top = name.partition(".")[0]
            assert top == "moonraker" or top in sys.stdlib_module_names
