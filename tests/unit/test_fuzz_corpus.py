# The fuzz target on its seed corpus, without a fuzzer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every stream of the tests through the C core, as `make fuzz` would begin."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fuzz.corpus import write_corpus

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 60.0
BUILD = ("-std=c11", "-D_POSIX_C_SOURCE=200809L", "-g", "-O1", "-Wall", "-Wextra")
# With the sanitizers where the compiler has them.
SANITIZERS = (
    ("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    (),
)


def compile_target(folder: Path) -> Path:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("there is no C compiler")
    target = folder / "fuzz_scan"
    source = ROOT / "tests" / "fuzz" / "fuzz_scan.c"
    said = ""
    for sanitizers in SANITIZERS:
        command = [compiler, *BUILD, *sanitizers, f"-I{ROOT / 'ext'}", str(source)]
        done = subprocess.run(
            [*command, "-pthread", "-o", str(target)],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        said = done.stderr
        if done.returncode == 0:
            assert said == ""
            return target
    pytest.fail(f"the fuzz target does not compile: {said}")


def test_corpus_when_run_through_the_fuzz_target_breaks_nothing(
    tmp_path: Path,
) -> None:
    target = compile_target(tmp_path)
    files = write_corpus(tmp_path / "corpus", max_bytes=1 << 20)
    done = subprocess.run(
        [target, *files], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{len(files)} inputs\n"
