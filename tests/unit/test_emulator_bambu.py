# Tests of the emulated chamber camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in is strict, and each of its faults is what its name says."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import signal
import ssl
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.emulator import bambu as emulator
from moonraker_prusacam.emulator import certificates
from moonraker_prusacam.emulator.bambu import Drawing, Fault, FaultKind
from moonraker_prusacam.emulator.camera import read_tag
from moonraker_prusacam.errors import EmulatorError
from tests.support import jpeg
from tests.support.bambu import CODE, WAIT_S, chamber_camera, draw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from moonraker_prusacam.emulator.bambu import ChamberCamera

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 30.0
SHORT_S = 0.05
SHOWN = 4

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def greeting(code: str = CODE, user: bytes = b"bblp", size: int = 0x40) -> bytes:
    return struct.pack("<IIII32s32s", size, 0x3000, 0, 0, user, code.encode())


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def connected(camera: ChamberCamera) -> Peer:
    return await asyncio.open_connection(camera.host, camera.port, ssl=trusting())


async def picture(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(WAIT_S):
        size, track, flags, zero = struct.unpack("<IIII", await reader.readexactly(16))
        assert (track, flags, zero) == (0, 1, 0)
        return await reader.readexactly(size)


async def rest(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(WAIT_S):
        return await reader.read()


@pytest.fixture
async def camera(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ChamberCamera]:
    async with chamber_camera(monkeypatch) as one:
        yield one


async def test_camera_when_greeted_as_it_should_then_it_shows_pictures(
    camera: ChamberCamera,
) -> None:
    reader, writer = await connected(camera)
    whole = greeting()
    for place in range(0, len(whole), 7):  # in pieces as well
        writer.write(whole[place : place + 7])
        await writer.drain()
    assert [await picture(reader) for _ in range(3)] == [draw(1), draw(2), draw(3)]
    writer.transport.abort()
    await camera.wait_for(lambda: camera.open == 0, WAIT_S)


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (b"", "left before it had greeted"),
        (greeting()[:79], "left before it had greeted"),
        (greeting(size=0x41), "did not greet as it should"),
        (greeting(user=b"bbl"), "did not greet as it should"),
        (greeting(user=b"bblp\0x"), "did not greet as it should"),
        (greeting("wrong"), "wrong access code"),
        (greeting(f"{CODE} "), "wrong access code"),
        (greeting(f"{CODE}\0x"), "wrong access code"),
        (greeting() + b"x", "talked after its greeting"),
    ],
)
async def test_camera_when_greeted_otherwise_then_it_hangs_up_and_says_why(
    camera: ChamberCamera, said: bytes, verdict: str
) -> None:
    reader, writer = await connected(camera)
    writer.write(said)
    if len(said) < 80:
        writer.close()  # takes leave
    else:
        assert len(await rest(reader)) <= 3 * len(draw(1))
    await camera.wait_for(lambda: camera.open == 0, WAIT_S)
    assert camera.viewers[0].verdict == verdict
    writer.transport.abort()


async def test_camera_when_not_greeted_then_it_hangs_up_after_a_while(
    camera: ChamberCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator, "GREETING_TIMEOUT_S", SHORT_S)
    reader, writer = await connected(camera)
    assert await rest(reader) == b""
    assert camera.viewers[0].verdict == "did not greet"
    writer.transport.abort()


async def test_camera_when_it_idles_on_a_wrong_code_then_nothing_comes(
    camera: ChamberCamera,
) -> None:
    camera.closes_on_wrong_code = False
    reader, writer = await connected(camera)
    writer.write(greeting("wrong"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SHORT_S):
            await reader.read(1)
    writer.transport.abort()
    await camera.wait_for(lambda: camera.open == 0, WAIT_S)


async def test_camera_when_a_second_viewer_greets_then_the_first_one_is_out(
    camera: ChamberCamera,
) -> None:
    first, second = await connected(camera), await connected(camera)
    first[1].write(greeting())
    await picture(first[0])
    second[1].write(greeting())
    await rest(first[0])
    assert camera.viewers[0].verdict == "somebody else came"
    await picture(second[0])
    assert camera.most_open == 2
    for _, writer in (first, second):
        writer.transport.abort()
    await camera.wait_for(lambda: camera.open == 0, WAIT_S)


@pytest.mark.parametrize("after", [0, 5, 16, 40])
async def test_fault_when_it_closes_then_after_just_so_many_bytes(
    camera: ChamberCamera, after: int
) -> None:
    camera.fault = Fault(FaultKind.CLOSE, after)
    reader, writer = await connected(camera)
    writer.write(greeting())
    assert len(await rest(reader)) == after
    writer.transport.abort()
    assert camera.viewers[0].verdict == "closed"


async def test_fault_when_it_resets_then_the_viewer_sees_a_reset(
    camera: ChamberCamera,
) -> None:
    camera.fault = Fault(FaultKind.RESET, 500)
    reader, writer = await connected(camera)
    writer.write(greeting())
    with pytest.raises(ConnectionResetError):
        await rest(reader)
    writer.transport.abort()
    assert camera.viewers[0].verdict == "reset"


@pytest.mark.parametrize(
    ("fault", "size", "payload"),
    [
        (Fault(FaultKind.WRONG_SIZE, size_bytes=0), 0, b""),
        (Fault(FaultKind.WRONG_SIZE, size_bytes=2**32 - 1), 2**32 - 1, draw(1)),
        (Fault(FaultKind.TRUNCATED), round(len(draw(1)) * 0.6), draw(1)),
    ],
)
async def test_fault_when_it_is_in_a_picture_then_as_its_name_says(
    camera: ChamberCamera, fault: Fault, size: int, payload: bytes
) -> None:
    camera.fault = fault
    reader, writer = await connected(camera)
    writer.write(greeting())
    async with asyncio.timeout(WAIT_S):
        header = await reader.readexactly(16)
        some = await reader.readexactly(min(size, 64))
    assert struct.unpack("<IIII", header) == (size, 0, 1, 0)
    assert payload.startswith(some)
    writer.transport.abort()
    await camera.wait_for(lambda: camera.open == 0, WAIT_S)


@pytest.mark.parametrize("kind", [FaultKind.GARBAGE, FaultKind.DAMAGED])
async def test_fault_when_pictures_are_garbage_then_of_the_announced_size(
    camera: ChamberCamera, kind: FaultKind
) -> None:
    camera.fault = Fault(kind, 1)
    reader, writer = await connected(camera)
    writer.write(greeting())
    good, bad = await picture(reader), await picture(reader)
    assert good == draw(1)
    assert len(bad) == len(draw(2))
    assert bad != draw(2)
    assert bad.startswith(b"\xff\xd8\xff") is (kind is FaultKind.DAMAGED)
    writer.transport.abort()
    await camera.wait_for(lambda: camera.open == 0, WAIT_S)


@pytest.mark.parametrize("kind", FaultKind)
def test_fault_when_looked_up_on_the_page_then_explained(kind: FaultKind) -> None:
    page = (ROOT / "docs" / "emulator.md").read_text()
    chapter = page.partition("\n# A camera of Bambu Lab\n")[2].partition("\n# ")[0]
    table = chapter.partition("| `Fault` |")[2]
    names = [line.split("|")[1] for line in table.splitlines() if line.count("|") > 2]
    assert f"`{kind}`" in " ".join(names)


def test_drawing_when_drawn_then_a_picture_of_the_real_size_with_its_number() -> None:
    drawn = Drawing()(7)
    tag = read_tag(drawn)
    assert tag is not None
    assert tag.seq == 7
    assert len(jpeg.pixels(drawn)) == 1280 * 720 * 3


def test_certificate_when_openssl_is_missing_then_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmulatorError, match="apt install openssl"):
        certificates.device_context(tmp_path, "01P00A", "BBL CA")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_command_when_run_alone_then_it_can_be_used_as_it_says() -> None:
    command = [sys.executable, "-m", "moonraker_prusacam", "emulator", "bambu"]
    with subprocess.Popen(
        [*command, "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(SHOWN)]
            shown = dict(line.strip().split(maxsplit=1) for line in lines)
            found = re.fullmatch(r"127\.0\.0\.1:(\d+)", shown["camera:"])
            assert found
            size, digest = asyncio.run(_looked(int(found[1]), shown["code:"]))
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_S) == 0
    assert size > 10_000
    assert shown["sha256:"] == digest.hex(":").upper()


async def _looked(port: int, code: str) -> tuple[int, bytes]:
    """Size of the first picture, and digest of the certificate."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting())
    writer.write(greeting(code))
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    size = len(await picture(reader))
    writer.transport.abort()
    return size, hashlib.sha256(shown).digest()
