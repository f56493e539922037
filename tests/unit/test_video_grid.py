# Where tiles are.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Equal tiles, as large as they can be within 16:9."""

from __future__ import annotations

import pytest

from moonraker_prusacam.video.grid import Grid, grid_for

WIDE, TALL, OLD = (1920, 1080), (1080, 1920), (640, 480)


@pytest.mark.parametrize(
    ("sizes", "columns", "rows", "tile"),
    [
        ([WIDE], 1, 1, (1280, 720)),
        ([WIDE] * 2, 2, 1, (640, 360)),
        ([WIDE] * 3, 2, 2, (640, 360)),
        ([WIDE] * 5, 3, 2, (426, 240)),
        ([WIDE] * 16, 4, 4, (320, 180)),
        ([TALL] * 3, 3, 1, (404, 720)),
        ([OLD] * 2, 2, 1, (640, 480)),
        ([WIDE, TALL, WIDE], 2, 2, (640, 360)),
        ([TALL, WIDE, TALL], 3, 1, (404, 720)),
    ],
)
def test_grid_when_pictures_are_given_then_fits(
    sizes: list[tuple[int, int]], columns: int, rows: int, tile: tuple[int, int]
) -> None:
    grid = grid_for(sizes, 720)
    assert grid == Grid(len(sizes), columns, tile)
    assert grid.rows == rows


@pytest.mark.parametrize("height", [240, 721, 2160])
@pytest.mark.parametrize("size", [WIDE, TALL, OLD, (1, 16384), (16384, 1)])
def test_grid_when_sizes_are_odd_then_even_and_within_the_limits(
    size: tuple[int, int], height: int
) -> None:
    for count in range(1, 17):
        grid = grid_for([size] * count, height)
        assert not any(side % 2 for side in (*grid.tile, *grid.size))
        assert grid.size[0] <= height * 16 / 9
        assert grid.size[1] <= height
        assert min(grid.tile) >= 2
        assert grid.columns * grid.rows >= count
