# Tests of the control socket itself.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may open it, who holds it, and what an engine that was killed leaves."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.control import ControlServer, connect, server
from moonraker_prusacam.errors import ClosedError, ControlError, EngineUnavailable
from tests.support.control import WAIT_S, raw_peer

if TYPE_CHECKING:
    from pathlib import Path

QUICK_S = 1.0


async def echo(params: dict[str, Any]) -> dict[str, Any]:
    return params


METHODS = {"echo": echo}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "comms" / "prusacam.sock"


def leave_stale(path: Path) -> None:
    """A socket as a killed engine leaves it."""
    path.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def mode_of(path: Path) -> int:
    return path.stat().st_mode


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def obstruct(path: Path, kind: str) -> None:
    """Put something that is no socket where the socket should be."""
    path.parent.mkdir()
    if kind == "folder":
        path.mkdir()
        path = path / "precious"
    elif kind == "link to a file":
        path.symlink_to("precious")
    path.write_text("precious")


async def is_served(path: Path) -> bool:
    async with connect(path) as client:
        return bool(await client.call("echo", {"n": 1}) == {"n": 1})


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
async def test_socket_when_made_then_for_its_owner_only(path: Path, umask: int) -> None:
    control = ControlServer(path, METHODS)
    old = os.umask(umask)
    try:
        await control.start()
        left = os.umask(umask)
    finally:
        os.umask(old)
    assert left == umask
    mode = mode_of(path)
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert await is_served(path)
    await control.aclose()
    assert names_in(path.parent) == []


async def test_socket_when_stale_then_replaced(path: Path) -> None:
    leave_stale(path)
    control = ControlServer(path, METHODS)
    await control.start()
    assert await is_served(path)
    await control.aclose()


async def test_socket_when_held_by_an_engine_then_the_second_is_refused(
    path: Path,
) -> None:
    first, second = ControlServer(path, METHODS), ControlServer(path, METHODS)
    await first.start()
    with pytest.raises(ControlError, match=r"^another engine is running \(it holds /"):
        await second.start()
    await second.aclose()
    assert await is_served(path)
    await first.aclose()


@pytest.mark.parametrize("kind", ["file", "folder", "link to a file"])
async def test_socket_when_something_else_is_there_then_left_alone(
    path: Path, kind: str
) -> None:
    obstruct(path, kind)
    left = names_in(path.parent)
    control = ControlServer(path, METHODS)
    with pytest.raises(ControlError, match="is no socket; remove it, or set"):
        await control.start()
    await control.aclose()
    assert names_in(path.parent) == left


async def test_path_when_too_long_then_told_what_to_do(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 107)
    with pytest.raises(ControlError, match=r"107 bytes .* set \[engine\] socket"):
        await ControlServer(long, METHODS).start()
    with pytest.raises(EngineUnavailable, match="path too long"):
        async with connect(long):
            pass


async def test_path_when_of_the_greatest_length_then_served(tmp_path: Path) -> None:
    length = server.MAX_SOCKET_PATH_BYTES - len(os.fsencode(tmp_path)) - 1
    control = ControlServer(tmp_path / ("x" * length), METHODS)
    await control.start()
    assert await is_served(tmp_path / ("x" * length))
    await control.aclose()


async def test_folder_when_it_cannot_be_made_then_one_clear_error(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    control = ControlServer(tmp_path / "file" / "prusacam.sock", METHODS)
    with pytest.raises(ControlError, match=r"prusacam\.sock: (Not a dir|File exists)"):
        await control.start()
    await control.aclose()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into every folder")
async def test_folder_when_not_writable_then_one_clear_error(path: Path) -> None:
    path.parent.mkdir(mode=0o500)
    with pytest.raises(ControlError, match="Permission denied"):
        await ControlServer(path, METHODS).start()


async def test_aclose_when_never_started_then_harmless(path: Path) -> None:
    control = ControlServer(path, METHODS)
    await control.aclose()
    await control.aclose()


async def test_aclose_when_a_newer_engine_took_the_path_then_its_socket_stays(
    path: Path,
) -> None:
    old = ControlServer(path, METHODS)
    await old.start()
    # Moved, so that the inode is not used again.
    await asyncio.to_thread(path.rename, path.with_name("moved"))
    newer = ControlServer(path, METHODS)
    await newer.start()
    await old.aclose()
    assert await is_served(path)
    await newer.aclose()


async def test_aclose_when_the_socket_was_removed_then_harmless(path: Path) -> None:
    control = ControlServer(path, METHODS)
    await control.start()
    await asyncio.to_thread(path.unlink)
    await control.aclose()


async def test_peers_when_many_then_16_are_served_and_more_are_closed(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    control = ControlServer(path, METHODS)
    await control.start()
    async with asyncio.TaskGroup() as group:
        leave, arrived = asyncio.Event(), asyncio.Semaphore(0)

        async def stay() -> None:
            async with raw_peer(path) as raw:
                assert "result" in await raw.ask(method="echo")
                arrived.release()
                await leave.wait()

        for _ in range(server.MAX_PEERS):
            group.create_task(stay())
        for _ in range(server.MAX_PEERS):
            await arrived.acquire()
        async with raw_peer(path) as refused:
            await refused.wait_closed()
        assert "More than 16 control peers; refusing one" in caplog.messages
        leave.set()
    await asyncio.wait(control._tasks._tasks, timeout=WAIT_S)
    assert not control._peers
    assert await is_served(path)
    await control.aclose()


async def test_client_when_the_engine_restarts_then_connects_again(path: Path) -> None:
    for _ in range(3):
        control = ControlServer(path, METHODS)
        await control.start()
        assert await is_served(path)
        await control.aclose()
        with pytest.raises(EngineUnavailable):
            await is_served(path)


async def test_client_when_there_is_no_engine_then_told_how_to_start_one(
    path: Path,
) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        await is_served(path)
    assert str(path) in str(caught.value)
    assert "(No such file or directory)" in str(caught.value)
    assert "'sudo systemctl start prusacam'" in str(caught.value)
    leave_stale(path)
    with pytest.raises(EngineUnavailable, match="Connection refused"):
        await is_served(path)


async def test_socket_when_held_then_callers_wait_and_no_second_engine_starts(
    path: Path,
) -> None:
    control, second = ControlServer(path, METHODS), ControlServer(path, METHODS)
    await control.hold()
    with pytest.raises(ControlError, match="another engine is running"):
        await second.start()
    async with connect(path) as client, asyncio.TaskGroup() as group:
        early = group.create_task(client.call("echo", {"n": 1}))
        done, _ = await asyncio.wait([early], timeout=0.02)
        assert not done
        await control.start()
    assert early.result() == {"n": 1}
    await control.aclose()


async def test_stop_when_served_then_nobody_is_and_the_socket_is_still_held(
    path: Path,
) -> None:
    control, second = ControlServer(path, METHODS), ControlServer(path, METHODS)
    await control.start()
    async with connect(path) as client:
        assert await client.call("echo") == {}
        await control.stop()
        with pytest.raises((ClosedError, EngineUnavailable)):
            await client.call("echo")
    with pytest.raises(EngineUnavailable, match="the connection was closed"):
        await is_served(path)
    with pytest.raises(ControlError, match="another engine is running"):
        await second.start()
    await control.aclose()


# asyncio itself loses a connection that it accepts in the very turn of the end.
@pytest.mark.parametrize("turns", range(1, 5))
async def test_peer_when_it_comes_at_the_end_then_closed_and_nothing_left(
    path: Path, turns: int
) -> None:
    control = ControlServer(path, METHODS)
    await control.start()
    async with raw_peer(path) as late:
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(QUICK_S):
            await control.aclose()
        await late.wait_closed()
