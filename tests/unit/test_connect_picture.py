# Tests of pictures on their way to Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent as it is, what is turned and cut, and what is no picture."""

from __future__ import annotations

import io
import itertools

import pytest
from PIL import Image

from moonraker_prusacam.config import CameraConfig, ConnectConfig
from moonraker_prusacam.connect.picture import Shape, prepare
from moonraker_prusacam.connect_options import Crop
from moonraker_prusacam.errors import SnapshotUnfit
from moonraker_prusacam.orientation import Orientation
from tests.support import jpeg

RED, GREEN, BLUE, WHITE = (200, 0, 0), (0, 200, 0), (0, 0, 200), (230, 230, 230)
CAMERA = CameraConfig("front", source="tcp://h:1")
UPLOAD = ConnectConfig("front")


def encoded(image: Image.Image, **options: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", **({"quality": 95} | options))
    return out.getvalue()


def quarters(width: int = 96, height: int = 64) -> Image.Image:
    image = Image.new("RGB", (width, height))
    half = width // 2, height // 2
    for colour, x, y in ((RED, 0, 0), (GREEN, 1, 0), (BLUE, 0, 1), (WHITE, 1, 1)):
        image.paste(colour, (x * half[0], y * half[1], width, height))
    return image


def colours(image: Image.Image) -> list[tuple[int, ...]]:
    width, height = image.size
    shown = image.convert("RGB")
    found: list[tuple[int, ...]] = []
    for x, y in ((1, 1), (3, 1), (1, 3), (3, 3)):
        pixel = shown.getpixel((width * x // 4, height * y // 4))
        assert isinstance(pixel, tuple)
        found.append(
            min(
                (RED, GREEN, BLUE, WHITE),
                key=lambda c: sum(abs(a - b) for a, b in zip(c, pixel, strict=True)),
            )
        )
    return found


def test_picture_when_nothing_is_wanted_then_it_goes_as_it_came() -> None:
    data = memoryview(jpeg.picture(64, 48))
    made = prepare(data, Shape(), smaller=False)
    assert made.data is data
    assert (made.width, made.height, made.is_black) == (64, 48, False)


@pytest.mark.parametrize(
    ("flip_horizontal", "flip_vertical", "rotation"),
    list(itertools.product((False, True), (False, True), (0, 90, 180, 270))),
)
def test_picture_when_turned_then_its_pixels_are(
    flip_horizontal: bool, flip_vertical: bool, rotation: int
) -> None:
    expected = quarters().rotate(-rotation, expand=True)
    if flip_horizontal:
        expected = expected.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if flip_vertical:
        expected = expected.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    shape = Shape(Orientation(flip_horizontal, flip_vertical, rotation))
    made = prepare(encoded(quarters()), shape, smaller=False)
    shown = Image.open(io.BytesIO(made.data))
    assert (made.width, made.height) == shown.size == expected.size
    assert colours(shown) == colours(expected)


def test_picture_when_cropped_and_shrunk_then_both_are_of_what_is_seen() -> None:
    shape = Shape(Orientation(rotation=90), crop=Crop.parse("50 0 50 50"), max_width=16)
    made = prepare(encoded(quarters()), shape, smaller=False)
    shown = Image.open(io.BytesIO(made.data)).convert("RGB")
    # Turned it is 64x96, and red is at the upper right; a quarter of it is 32x48.
    assert shown.size == (made.width, made.height) == (16, 24)
    assert colours(shown) == [RED] * 4


def test_picture_when_it_should_be_smaller_then_it_is() -> None:
    data = jpeg.picture(1920, 1080, quality=95)
    made = prepare(data, Shape(), smaller=True)
    assert made.width == 1280
    assert len(made.data) < len(data)
    tiny = prepare(jpeg.picture(3, 2), Shape(), smaller=True)
    assert (tiny.width, tiny.height) == (2, 1)


@pytest.mark.parametrize(("level", "black"), [(0, True), (4, True), (20, False)])
def test_picture_when_there_is_no_light_then_it_is_black(
    level: int, black: bool
) -> None:
    data = encoded(Image.new("RGB", (640, 480), (level, level, level)))
    assert prepare(data, Shape(), smaller=False).is_black == black


def test_picture_when_a_lamp_is_in_the_dark_then_it_is_not_black() -> None:
    image = Image.new("RGB", (640, 480))
    image.paste((255, 255, 255), (100, 100, 180, 160))
    assert not prepare(encoded(image), Shape(), smaller=False).is_black


def broken_off(at: float, *, with_end: bool) -> bytes:
    data = jpeg.picture(640, 480, seed=3)
    return data[: int(len(data) * at)] + (b"\xff\xd9" if with_end else b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff\xd9",
        b"<html>404</html>" * 50,
        broken_off(0.5, with_end=False),
        broken_off(0.5, with_end=True),
        broken_off(0.8, with_end=True),
        encoded(quarters())[:300],
        b"GIF89a" + bytes(100),
    ],
    ids=["empty", "hollow", "html", "torn", "half", "most", "header", "gif"],
)
def test_picture_when_it_is_damaged_then_it_is_not_sent(data: bytes) -> None:
    with pytest.raises(SnapshotUnfit, match="damaged"):
        prepare(data, Shape(), smaller=False)


def test_picture_when_it_is_grey_or_odd_then_it_is_sent() -> None:
    grey = encoded(Image.linear_gradient("L"))
    assert prepare(grey, Shape(), smaller=False).data == grey
    turned = prepare(grey, Shape(Orientation(rotation=90)), smaller=False)
    assert Image.open(io.BytesIO(turned.data)).mode == "RGB"
    tiny = jpeg.picture(5, 3)
    assert prepare(tiny, Shape(), smaller=False).width == 5


def test_picture_when_it_claims_a_size_without_end_then_it_is_refused() -> None:
    with pytest.raises(SnapshotUnfit):
        prepare(jpeg.minimal(65_000, 65_000), Shape(), smaller=False)


def test_shape_when_the_upload_says_nothing_then_the_camera_s_is_taken() -> None:
    mounted = CameraConfig("front", source="tcp://h:1", rotation=90, flip_vertical=True)
    assert Shape.of(UPLOAD, mounted) == Shape(
        Orientation(flip_vertical=True, rotation=90)
    )
    own = ConnectConfig("front", rotation=180, max_width=640)
    assert Shape.of(own, mounted) == Shape(Orientation(rotation=180), max_width=640)
    none = ConnectConfig("front", flip="none")
    assert Shape.of(none, mounted) == Shape()
    both = ConnectConfig("front", flip="both")
    assert Shape.of(both, CAMERA) == Shape(
        Orientation(flip_horizontal=True, flip_vertical=True)
    )


@pytest.mark.parametrize(
    "written",
    [
        "",
        "1 2 3",
        "a b c d",
        "-1 0 50 50",
        "60 0 50 50",
        "0 0 50 101",
        "0 0 4 50",
        "nan 0 1 1",
    ],
)
def test_crop_when_it_is_odd_then_the_error_says_so(written: str) -> None:
    with pytest.raises(ValueError, match=r"percent|%"):
        Crop.parse(written)
