# A smoke test of the benchmark that asks Moonraker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The harness still does its work; how fast is of no interest here."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks import moonraker
from tests.benchmarks.stand import Stand

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.moonraker


@pytest.mark.timeout(180)
def test_moonraker_when_measured_then_both_requests_have_a_figure(
    tmp_path: Path,
) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("the benchmarks need gcc")
    with Stand(tmp_path, rounds=1, scale=0.1) as stand:
        figures = moonraker.measure(stand)
    assert len(figures) == len(moonraker.REQUESTS)
    assert all(figure.is_reached is not None for figure in figures)
