# Tests of the generated protocol modules.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is committed in pb/ is what ``make proto`` makes of proto/."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import moonraker_prusacam

ROOT = Path(__file__).parents[2]
COMMITTED = Path(moonraker_prusacam.__file__).parent / "pb"
# Beside the interpreter of this environment, whether that is activated or not.
PROTOC = shutil.which("protoc", path=str(Path(sys.executable).parent))
TIMEOUT_S = 30


@pytest.mark.skipif(PROTOC is None, reason="protoc is not installed here")
def test_pb_when_generated_again_then_nothing_changes(tmp_path: Path) -> None:
    schemas = sorted((ROOT / "proto").glob("*.proto"))
    assert len(schemas) == 2
    assert PROTOC is not None
    command = [PROTOC, f"-I{ROOT / 'proto'}", f"--python_out=pyi_out:{tmp_path}"]
    subprocess.run([*command, *map(str, schemas)], check=True, timeout=TIMEOUT_S)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    there = {path.name: path.read_text() for path in COMMITTED.glob("*_pb2.py*")}
    assert made == there, "make proto"
