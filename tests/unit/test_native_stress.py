# The frame pool's and the pump's C under sanitizers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that outlive their pool's owner; a thousand viewers that come and go."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tests" / "native"
COMPILER = shutil.which(os.environ.get("CC", "cc"))
RUN_TIMEOUT_S = 50


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("frame_stress.c", "20000 images, "),
        ("intake_stress.c", "40 connections, "),
        ("pump_stress.c", "1000 viewers, 1000 opened"),
    ],
)
@pytest.mark.parametrize("sanitizers", ["thread", "address,undefined"])
def test_native_when_threads_share_it_then_sanitizers_find_nothing(
    tmp_path: Path, sanitizers: str, source: str, told: str
) -> None:
    assert COMPILER is not None
    program = tmp_path / "stress"
    build = subprocess.run(
        [
            *(COMPILER, "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror"),
            *(f"-fsanitize={sanitizers}", f"-I{ROOT / 'ext'}", str(SOURCES / source)),
            *("-pthread", "-o", str(program)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if build.returncode != 0 and "cannot find" in build.stderr:
        pytest.skip("the compiler's sanitizers are not installed")
    assert build.returncode == 0, build.stderr
    # ThreadSanitizer does not get along with much randomness of addresses.
    same_addresses = ["setarch", "-R"] if shutil.which("setarch") else []
    run = subprocess.run(
        [*same_addresses, str(program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_TIMEOUT_S,
    )
    assert "Sanitizer" not in run.stderr, run.stderr
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.startswith(told)
