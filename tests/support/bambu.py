# Emulated Bambu Lab cameras for tests.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A chamber camera with a certificate of its own, where the source looks for it."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import trustme

from moonraker_prusacam.camera.sources import bambu
from moonraker_prusacam.emulator.bambu import ChamberCamera
from moonraker_prusacam.emulator.camera import add_tag
from tests.support import jpeg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

WAIT_S = 10.0
CODE = "k3yb04rd"
SERIAL = "01P00A123456789"
# As quick as tests want it, and as small.
FPS = 200.0
KEY = trustme.KeyType.RSA


@cache  # keys cost time
def authority() -> trustme.CA:
    return trustme.CA(organization_name="BBL Technologies", key_type=KEY)


def printer_context(serial: str = SERIAL) -> ssl.SSLContext:
    """A printer's TLS; another certificate with each call."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = authority().issue_cert(
        f"{serial.lower()}.example", common_name=serial, key_type=KEY
    )
    certificate.configure_cert(context)
    return context


@cache
def first_context() -> ssl.SSLContext:
    """The same certificate with each call."""
    return printer_context()


def draw(number: int) -> bytes:
    """A small picture that says its number."""
    return add_tag(jpeg.picture(seed=number % 5), number, 0, "-", None)


@asynccontextmanager
async def chamber_camera(
    monkeypatch: pytest.MonkeyPatch, **options: Any
) -> AsyncIterator[ChamberCamera]:
    """A camera, whose port is the one that the source knows."""
    wanted: dict[str, Any] = {"access_code": CODE, "fps": FPS, "draw": draw} | options
    context = wanted.pop("context", None) or first_context()
    camera = ChamberCamera(context, wanted.pop("draw"), **wanted)
    await camera.start()
    monkeypatch.setattr(bambu, "PORT", camera.port)
    try:
        yield camera
    finally:
        await camera.aclose()
