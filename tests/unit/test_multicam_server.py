# The port of a MultiCam device, and who may come to it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands however they are cut, and peers that are slow, greedy or hostile."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera import Camera
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.multicam.device import DeviceService
from moonraker_prusacam.multicam.device import server as server_module
from moonraker_prusacam.multicam.device import service as service_module
from moonraker_prusacam.multicam_options import MultiCamCameraConfig
from moonraker_prusacam.networks import networks
from tests.support.multicam_device import WAIT_S, Client, command_octets, stage
from tests.support.sources import source_of

if TYPE_CHECKING:
    from pathlib import Path

GB = 1 << 30
STATUS = command_octets("DEVICE_STATUS")
OLD = "Prusa-00000000_1000"


async def test_server_when_command_is_cut_at_any_octet_then_is_answered(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as standing:
        client = await standing.client()
        for cut in range(1, len(STATUS)):
            await client.send(STATUS[:cut])
            await asyncio.sleep(0)
            await client.send(STATUS[cut:])
            assert (await client.answer())["status"] == "ready"


@pytest.mark.parametrize("between", [b"", b"\n", b"\r\n", b" \t\n "])
async def test_server_when_commands_are_pipelined_then_all_are_answered(
    tmp_path: Path, between: bytes
) -> None:
    async with stage(tmp_path) as standing:
        client = await standing.client()
        asked = [STATUS, command_octets("LIST_FILES"), command_octets("HEARTBEAT")]
        await client.send(b"".join(each + between for each in asked))
        answers = [await client.answer() for _ in asked]
    assert [answer.get("files") for answer in answers] == [None, [], None]


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"{}", "command is missing"),
        (b'{"command": 5}', "command is no text"),
        (b'{"command": "FORMAT_DISK"}', "FORMAT_DISK is not supported"),
        (command_octets("UPLOAD_TO_CLOUD", uploadUrl="http://10.0.0.1/"), "UPLOAD"),
        (command_octets("UPLOAD_STATUS"), "UPLOAD_STATUS is not supported"),
        (b'{"command" "HEARTBEAT"}', "no JSON"),
        (b'{"command": "START_RECORDING", "timestamp": NaN}', "NaN"),
        (command_octets("GET_VIDEO"), "fileId or fileName is missing"),
        (command_octets("GET_VIDEO", fileName=["a"]), "fileName is no text"),
        (command_octets("GET_VIDEO", fileName="x" * 5000), "longer than"),
        (b'{"command": "\\ud800"}', "is not supported"),
    ],
)
async def test_server_when_command_is_none_then_says_so_and_goes_on(
    tmp_path: Path, octets: bytes, message: str
) -> None:
    async with stage(tmp_path) as standing:
        client = await standing.client()
        await client.send(octets)
        answer = await client.answer()
        assert answer["status"] == "error"
        assert message in answer["message"]
        assert (await client.ask("HEARTBEAT"))["status"] == "ready"


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"[]",
        b'{"command": ' + b"[" * 100,
        b'{"command": "' + b"x" * (70 << 10),
        b"\0\0\0\x10",
        b"\xff\xfe",
    ],
)
async def test_server_when_octets_are_no_message_then_says_so_and_closes(
    tmp_path: Path, octets: bytes
) -> None:
    async with stage(tmp_path) as standing:
        client = await standing.client()
        await client.send(octets)
        answer = json.loads(await client.ended())
        assert answer["status"] == "error"
        assert (await (await standing.client()).ask("HEARTBEAT"))["status"] == "ready"


@pytest.mark.parametrize("key", ["fileName", "fileId"])
@pytest.mark.parametrize("name", ["../bed.id", "/etc/passwd", f"{OLD}.mp4.part", ""])
async def test_server_when_video_is_none_of_ours_then_error_is_bare(
    tmp_path: Path, key: str, name: str
) -> None:
    async with stage(tmp_path) as standing:
        client = await standing.client()
        await client.send(command_octets("GET_VIDEO", **{key: name}))
        answer = await client.answer()
        assert answer["status"] == ("file_not_found" if name else "error")
        assert (await client.ask("HEARTBEAT"))["status"] == "ready"


@pytest.mark.parametrize("begin", [b"", STATUS[:10]])
async def test_server_when_peer_says_nothing_then_closes(
    tmp_path: Path, begin: bytes
) -> None:
    async with stage(tmp_path) as standing:
        assert standing.service.server is not None
        standing.service.server.idle_timeout_s = 0.05
        client = await standing.client()
        await client.send(begin)
        assert await client.ended() == b""


async def test_server_when_peer_is_no_guest_then_is_not_answered(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, networks=networks("192.0.2.0/24")) as standing:
        client = await Client.connect(standing.port)
        standing.clients.append(client)
        assert await client.ended() == b""


async def test_server_when_too_many_connect_then_the_idlest_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 3)
    async with stage(tmp_path) as standing:
        first, second, third = [await standing.client() for _ in range(3)]
        for client in (second, first, third):
            assert (await client.ask("HEARTBEAT"))["status"] == "ready"
        assert (await (await standing.client()).ask("HEARTBEAT"))["status"] == "ready"
        assert await second.ended() == b""
        for client in (first, third):
            assert (await client.ask("HEARTBEAT"))["status"] == "ready"


async def test_server_when_all_connections_are_at_work_then_no_other_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 2)
    async with stage(tmp_path) as standing:
        await asyncio.to_thread(_make_sparse, tmp_path / "bed" / f"{OLD}.mp4", GB)
        busy = [await standing.client() for _ in range(2)]
        for client in busy:
            await client.send(command_octets("GET_VIDEO", fileId=OLD))
            await client.reader.readexactly(4)
        assert await (await standing.client()).ended() == b""
        await busy[0].aclose()
        server = standing.service.server
        assert server is not None
        async with asyncio.timeout(WAIT_S):
            while server.connections == 2:
                await standing.frame()
        assert (await (await standing.client()).ask("HEARTBEAT"))["status"] == "ready"


async def test_server_when_a_hundred_hold_connections_then_who_asks_is_answered(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as standing:
        for _ in range(100):
            idle = await standing.client()
            await idle.send(STATUS[:5])
        client = await standing.client()
        assert (await client.ask("HEARTBEAT"))["status"] == "ready"
        assert standing.service.server is not None
        assert standing.service.server.connections <= server_module.MAX_CONNECTIONS


async def test_server_when_peer_half_closes_after_asking_then_gets_all(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as standing:
        video = os.urandom(3 << 20)
        await asyncio.to_thread((tmp_path / "bed" / f"{OLD}.mp4").write_bytes, video)
        client = await standing.client()
        await client.send(command_octets("GET_VIDEO", fileId=OLD))
        client.writer.write_eof()
        octets = await client.ended()
        assert octets.endswith(video)


async def test_server_when_peer_reads_nothing_of_a_video_then_is_given_up(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bed" / f"{OLD}.mp4"
    async with stage(tmp_path) as standing:
        await asyncio.to_thread(_make_sparse, path, GB)
        server = standing.service.server
        assert server is not None
        server.stall_timeout_s = 0.1
        loop = asyncio.get_running_loop()
        with socket.create_connection(("127.0.0.1", standing.port)) as greedy:
            greedy.setblocking(False)
            await loop.sock_sendall(greedy, command_octets("GET_VIDEO", fileId=OLD))
            async with asyncio.timeout(WAIT_S):
                assert await loop.sock_recv(greedy, 1)
                while server.connections:
                    await standing.frame()


async def test_server_when_file_becomes_shorter_then_connection_ends(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bed" / f"{OLD}.mp4"
    async with stage(tmp_path) as standing:
        await asyncio.to_thread(_make_sparse, path, 256 << 20)
        client = await standing.client()
        await client.send(command_octets("GET_VIDEO", fileId=OLD))
        await client.reader.readexactly(4)
        await asyncio.to_thread(os.truncate, path, 1 << 20)
        assert len(await client.ended()) < 256 << 20


async def test_server_when_video_has_2_gb_then_memory_stays_constant(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bed" / f"{OLD}.mp4"
    async with stage(tmp_path) as standing:
        await asyncio.to_thread(_make_sparse, path, 2 * GB)
        client = await standing.client()
        before = _resident_bytes()
        await client.send(command_octets("GET_VIDEO", fileName=f"{OLD}.mp4"))
        length = int.from_bytes(await client.reader.readexactly(4), "big")
        header = json.loads(await client.reader.readexactly(length))
        assert header["fileSize"] == 2 * GB
        received = grown = 0
        async with asyncio.timeout(50):
            while received < 2 * GB:
                chunk = await client.reader.read(1 << 20)
                assert chunk
                received += len(chunk)
                grown = max(grown, _resident_bytes() - before)
        assert grown < 32 << 20
        # Nothing but the file has come.
        assert (await client.ask("HEARTBEAT"))["status"] == "ready"
        assert path.exists()


async def test_server_when_files_are_many_then_list_has_the_newest(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "bed"
    folder.mkdir()
    for number in range(300):
        (folder / f"Prusa-00000000_{1_729_000_000_000 + number}.mp4").touch()
    async with stage(tmp_path) as standing:
        answer: dict[str, Any] = await (await standing.client()).ask("LIST_FILES")
    assert len(answer["files"]) == 250
    assert len(json.dumps(answer)) < 64 << 10
    assert answer["files"][0]["fileId"] == "Prusa-00000000_1729000000299"
    assert list(answer["files"][0]) == [
        "fileId", "fileName", "fileSize", "creationDate", "modificationDate",
    ]  # fmt: skip


async def test_service_when_port_is_taken_then_tells_and_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        async def look(delay_s: float) -> None:
            assert delay_s == service_module.RETRY_S
            told.append(service.status()["problem"])
            taken.close()

        config = MultiCamCameraConfig(camera="bed", port=port, announce=False)
        camera = Camera(CameraConfig("bed", source="test:"), source_of("test:"))
        service = DeviceService(config, camera, tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(service_module, "pause", look)
            service.start()
            async with asyncio.timeout(WAIT_S):
                await service.ready.wait()
        assert service.status()["problem"] is None
        assert service.status()["port"] == port
        await service.aclose()
        await camera.aclose()
    assert told[0].startswith(f"cannot listen at 127.0.0.1, port {port}: ")


async def test_server_when_stop_waits_then_others_are_answered(tmp_path: Path) -> None:
    async with stage(tmp_path) as standing:
        one, other = await standing.client(), await standing.client()
        await one.ask("START_RECORDING", timestamp=time.time())
        await standing.frame()
        await one.send(command_octets("STOP_RECORDING"))
        status = await other.ask("DEVICE_STATUS")
        assert status["status"] in ("recording", "stopping", "ready")
        assert (await one.answer())["status"] == "recording_stopped"


def _resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - asked thousandfold
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def _make_sparse(path: Path, size_bytes: int) -> None:
    path.touch()
    os.truncate(path, size_bytes)
