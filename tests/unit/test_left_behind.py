# Tests of what no test may leave behind.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guards of tests/conftest.py find what is left, and nothing else."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 5.0
LEAVES = """
import socket
import pytest

@pytest.fixture(scope={scope!r})
def leftover():
    left = socket.create_server(("127.0.0.1", 0))
    yield left.getsockname()[1]
    left.detach()

def test_that_leaves_a_socket(leftover):
    print("port", leftover)
"""


@pytest.mark.parametrize("turns", range(5))
async def test_server_when_closed_as_a_connection_comes_then_none_is_lost(
    turns: int,
) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1")
    client = socket.create_connection(server.sockets[0].getsockname())
    for _ in range(turns):
        await asyncio.sleep(0)
    server.close()
    client.close()


@pytest.mark.parametrize(
    ("scope", "named"), [("function", "this test"), ("module", "the module")]
)
async def test_socket_when_left_by_a_fixture_then_named(
    tmp_path: Path, scope: str, named: str
) -> None:
    file = tmp_path / "test_leaves.py"
    file.write_text(LEAVES.format(scope=scope))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pytest", "-q", "-s", "-p", "tests.conftest", str(file),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    text = (await child.communicate())[0].decode()
    assert child.returncode == 1
    assert "1 passed, 1 error" in text
    port = text.partition("port ")[2].split()[0]
    assert f"left by {named}: AF_INET socket ('127.0.0.1', {port})" in text
