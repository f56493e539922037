# The official printer SDK and our client at the same local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prusa's own client sends is taken, and ours differs from it only as intended.

So the stand-in is measured by a client that works with the real service, and our
requests by that client's, field by field. Every difference is named here with its
reason; one that is not fails the test.
"""

from __future__ import annotations

import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.connect.api import USER_AGENT, ConnectApi
from moonraker_prusacam.emulator.child import ChildProcess
from moonraker_prusacam.emulator.connect import Behaviour, LocalConnect, Origin
from moonraker_prusacam.secret import Secret
from tests.support import jpeg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from moonraker_prusacam.emulator.connect import RequestRecord

TOKEN = "AbCdEfGhIjKlMnOpQrSt"
FINGERPRINT = "0123456789abcdef0123456789abcdef"
WAIT_S = 30.0
PICTURE = jpeg.picture(64, 48)
SERIAL_NUMBER = "CZPX0000X004XK00000"
FIRMWARE = "3.11.0"
CAMERA_NAME = "Camera of the SDK"
REPOSITORY = Path(__file__).parents[2]

# What is told of a request that has nothing to do with what was sent.
CIRCUMSTANCES = {"started_s", "ended_s", "camera", "camera_id", "printer"}
# Header: the SDK's value, ours (None: not sent, ...: any), and why.
SNAPSHOT_HEADERS: dict[str, tuple[Any, Any, str]] = {
    "user-agent": (..., USER_AGENT, "we say who we are"),
    "timestamp": (..., None, "only the SDK sends it, OpenAPI does not know it"),
    "connection": ("keep-alive", "close", "one that broke is never used again"),
    "accept-encoding": ("gzip, deflate", ..., "what the HTTP library can unpack"),
    "fingerprint": (..., ..., "each camera's own"),
    "token": (..., ..., "each camera's own"),
}
INFO_HEADERS: dict[str, tuple[Any, Any, str]] = {
    **SNAPSHOT_HEADERS,
    "user-agent-printer": ("1.3.0", None, "of a printer; we are a camera"),
    "user-agent-version": (FIRMWARE, None, "likewise"),
    "content-length": (..., ..., "the fingerprint is no part of our body"),
}
INFO_FIELDS: dict[str, str] = {
    "method": "a printer makes a camera (POST), a camera describes itself (PUT)",
    "path": "/p/camera is the printer's, /c/info the camera's",
    "verdict": "two rules",
    "sha1": "the fingerprint is no part of our body",
    "size_bytes": "likewise",
    "content": "compared of its own",
}


@pytest.fixture
async def connect(tmp_path: Path) -> AsyncIterator[LocalConnect]:
    """A local Prusa Connect that both have sent one picture to, the SDK's first."""
    server = LocalConnect()
    server.behaviour = Behaviour(too_fast_status=429)
    server.add_camera(TOKEN)
    await server.start()
    (tmp_path / "picture.jpg").write_bytes(PICTURE)
    printer = ChildProcess(
        "the SDK's printer",
        [
            *(sys.executable, "-m", "tests.support.sdk_printer"),
            *(server.url, str(tmp_path / "picture.jpg")),
            *(SERIAL_NUMBER, FIRMWARE, CAMERA_NAME),
        ],
        tmp_path / "sdk.log",
        env={"PYTHONPATH": str(REPOSITORY)},
    )
    await printer.start()
    try:
        await server.wait_for(lambda: len(server.requests) >= 4, WAIT_S)
    except TimeoutError:
        pytest.fail(f"the SDK's printer got stuck:\n{printer.tail()}")
    finally:
        await printer.aclose()
    yield server
    await server.aclose()


async def test_sdk_when_it_registers_and_uploads_then_each_request_is_taken(
    connect: LocalConnect,
) -> None:
    told = [(record.method, record.path, record.verdict) for record in connect.requests]
    assert told == [
        ("POST", "/p/register", "register"),
        ("GET", "/p/register", "registered"),
        ("POST", "/p/camera", "camera made"),
        ("PUT", "/c/snapshot", "accepted"),
    ]
    # No answer that it built on is a guess of ours.
    assert {record.evidence for record in connect.requests} == {"confirmed"}
    assert [record.leaks for record in connect.requests] == [()] * 4
    (camera,) = (
        camera
        for camera in connect.account.cameras.values()
        if camera.origin is Origin.LINK
    )
    assert camera.last_image == PICTURE
    assert camera.printer.serial_number == SERIAL_NUMBER
    assert camera.info["config"]["name"] == CAMERA_NAME


async def test_snapshot_when_both_send_the_same_then_it_differs_as_intended(
    connect: LocalConnect,
) -> None:
    async with aclosing(ConnectApi(connect.url, Secret(TOKEN), FINGERPRINT)) as api:
        await api.put_snapshot(PICTURE)
    theirs, ours = connect.requests[3:]
    assert different(theirs, ours) == {"headers"}
    compare_headers(theirs, ours, SNAPSHOT_HEADERS)


async def test_description_when_both_send_the_same_then_it_differs_as_intended(
    connect: LocalConnect,
) -> None:
    theirs = connect.requests[2]
    described = {k: v for k, v in theirs.content.items() if k != "fingerprint"}
    async with aclosing(ConnectApi(connect.url, Secret(TOKEN), FINGERPRINT)) as api:
        await api.put_info(described)
    ours = connect.requests[-1]
    assert ours.content == described
    assert different(theirs, ours) == {"headers", *INFO_FIELDS}
    compare_headers(theirs, ours, INFO_HEADERS)
    # The names of Prusa's own client are those that the local rules ask for.
    assert theirs.content["config"].keys() == {
        "camera_id",
        "name",
        "resolution",
        "trigger_scheme",
    }


def different(theirs: RequestRecord, ours: RequestRecord) -> set[str]:
    """The fields of a request in which two differ."""
    return {
        field.name
        for field in attrs.fields(type(theirs))
        if getattr(theirs, field.name) != getattr(ours, field.name)
    } - CIRCUMSTANCES


def compare_headers(
    theirs: RequestRecord,
    ours: RequestRecord,
    intended: dict[str, tuple[Any, Any, str]],
) -> None:
    for name in theirs.headers.keys() | ours.headers.keys():
        both = theirs.headers.get(name), ours.headers.get(name)
        if name not in intended:
            assert both[0] == both[1], name
            continue
        for value, expected in zip(both, intended[name], strict=False):
            assert value is not None if expected is ... else value == expected, name
    missing = intended.keys() - theirs.headers.keys() - ours.headers.keys()
    assert not missing, "named as different, and not sent by either"
