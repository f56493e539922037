# Tests of the doctor's look at Moonraker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scripted Moonraker at its own socket; the real one is in tests/integration."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.config import loads
from moonraker_prusacam.doctor import Finding, State, moonraker
from moonraker_prusacam.doctor.moonraker import Client, examine_moonraker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.config import Config

ETX = b"\x03"
LINKED = [Client("moonraker", "v0.11.0"), Client("cli", "0.1.0")]
CAMERA = {"name": "front", "stream_url": "/webcam2/stream.mjpg?placeholder=1"}
INFO = {
    "moonraker_version": "v0.11.0-3",
    "components": ["webcam", "prusacam"],
    "failed_components": [],
}


def config(folder: Path) -> Config:
    return loads(
        f"[engine]\ndata_path: {folder}\n[camera front]\nsource: tcp://127.0.0.1:9\n"
    )


@asynccontextmanager
async def speaking(folder: Path, **results: Any) -> AsyncIterator[None]:
    """A Moonraker that answers methods by their last word; bytes are sent as they are.

    Other methods are not answered.
    """
    path = folder / "comms" / "moonraker.sock"
    await asyncio.to_thread(path.parent.mkdir, parents=True)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            message = json.loads((await reader.readuntil(ETX))[:-1])
            result = results.get(message["method"].rpartition(".")[2])
            if isinstance(result, bytes):
                writer.write(result)
            elif result is not None:
                note = {"jsonrpc": "2.0", "method": "notify_proc_stat_update"}
                writer.write(json.dumps(note).encode() + ETX)
                reply = {"jsonrpc": "2.0", "id": message["id"], "result": result}
                writer.write(json.dumps(reply).encode() + ETX)
            if result != b"":
                await reader.read()
        finally:
            writer.close()

    server = await asyncio.start_unix_server(serve, str(path))
    try:
        yield
    finally:
        server.close()


async def examined(
    folder: Path, clients: list[Client] | None, *cameras: dict[str, Any]
) -> list[Finding]:
    return list(await examine_moonraker(config(folder), clients, cameras))


async def test_moonraker_when_linked_then_ok_with_its_version(tmp_path: Path) -> None:
    async with speaking(tmp_path, info=INFO, list={"webcams": [CAMERA]}):
        (finding,) = await examined(tmp_path, LINKED, CAMERA)
    assert finding == Finding("moonraker", State.OK, "connected, version v0.11.0-3")


async def test_moonraker_when_linked_from_elsewhere_then_ok(tmp_path: Path) -> None:
    (finding,) = await examined(tmp_path, LINKED)
    assert finding == Finding("moonraker", State.OK, "connected, version v0.11.0")


async def test_moonraker_when_there_is_none_then_skipped(tmp_path: Path) -> None:
    for is_running in (False, True):
        (finding,) = await examined(tmp_path, [] if is_running else None)
        assert finding.state is State.SKIPPED
        assert str(tmp_path) in finding.found


async def test_moonraker_when_it_does_not_run_then_failed(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "moonraker.conf").write_text("[server]\n")
    (finding,) = await examined(tmp_path, [])
    assert finding.state is State.FAILED
    assert "does not run" in finding.found
    assert "systemctl restart moonraker" in str(finding.remedy)


ANSWERS = [
    ({**INFO, "components": ["webcam"]}, [], "runs without [prusacam]", "[prusacam]"),
    (
        {**INFO, "failed_components": ["prusacam"]},
        [],
        "could not load",
        "moonraker.log",
    ),
    (INFO, [], "is not connected", "socket: "),
    (INFO, [Client("cli", "1")], "is not connected", "below [prusacam]"),
    ({}, [], "runs without [prusacam]", "link the component"),
    ({"components": {"prusacam": 1}}, [], "runs without [prusacam]", "README"),
    ({"components": [3, None], "failed_components": 3}, [], "runs without", "README"),
]


@pytest.mark.parametrize(("info", "clients", "found", "remedy"), ANSWERS)
async def test_moonraker_when_the_component_is_missing_then_failed_with_what_helps(
    tmp_path: Path,
    info: dict[str, Any],
    clients: list[Client],
    found: str,
    remedy: str,
) -> None:
    async with speaking(tmp_path, info=info):
        (finding,) = await examined(tmp_path, clients)
    assert finding.state is State.FAILED
    assert found in finding.found
    assert remedy in str(finding.remedy)


async def test_moonraker_when_the_engine_is_away_then_the_component_is_told(
    tmp_path: Path,
) -> None:
    async with speaking(tmp_path, info=INFO):
        (finding,) = await examined(tmp_path, None)
    assert finding.state is State.OK
    assert "waits for the engine" in finding.found


@pytest.mark.parametrize(
    "reply", [b"", b"\x03", b"[]\x03", b"{\x03", b'{"id": 2}\x03', b"x" * 100]
)
async def test_moonraker_when_it_answers_nonsense_then_failed_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: bytes
) -> None:
    monkeypatch.setattr(moonraker, "CALL_TIMEOUT_S", 0.2)
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "moonraker.conf").write_text("[server]\n")
    async with speaking(tmp_path, info=reply):
        (finding,) = await examined(tmp_path, [])
    assert finding.state is State.FAILED


async def test_webcams_when_one_is_made_by_hand_then_warned_without_its_password(
    tmp_path: Path,
) -> None:
    by_hand = {"name": "front", "stream_url": "http://u:secret@cam.local/?t=secret"}
    async with speaking(tmp_path, info=INFO, list={"webcams": [by_hand, 3]}):
        linked, finding = await examined(tmp_path, LINKED, CAMERA)
    assert linked.state is State.OK
    assert (finding.name, finding.subject) == ("webcam", "front")
    assert finding.state is State.WARNING
    assert "cam.local/" in finding.found
    assert "secret" not in finding.found


@pytest.mark.parametrize("answer", [{"webcams": []}, {}, {"webcams": {"a": 1}}])
async def test_webcams_when_ours_is_not_listed_then_warned(
    tmp_path: Path, answer: dict[str, Any]
) -> None:
    async with speaking(tmp_path, info=INFO, list=answer):
        _, finding = await examined(tmp_path, LINKED, CAMERA)
    assert finding.state is State.WARNING
    assert "does not list it" in finding.found
