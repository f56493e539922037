# Tests of the installation into real Moonraker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""install.sh, real pip and real Moonraker: it starts as it should, there and back."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import sysconfig
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import moonraker_prusacam
from moonraker_prusacam.emulator.child import ChildProcess
from moonraker_prusacam.emulator.moonraker import (
    free_port,
    link_environment,
    moonraker_python,
)
from moonraker_prusacam.errors import InstallError
from moonraker_prusacam.install import moonraker_api
from moonraker_prusacam.install.moonraker import Moonraker
from tests.support.printer_host import PRINTER_CFG, PrinterHost, git, git_status, tree

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.moonraker, pytest.mark.timeout(180)]

ROOT = Path(moonraker_prusacam.__file__).parents[1]
RUN_TIMEOUT_S = 150.0
WAIT_S = 60.0
OURS = ("moonraker_prusacam", "__editable__")
POLL_S = 0.05
CONF = """\
[server]
host: 127.0.0.1
port: {port}
klippy_uds_address: {data}/comms/klippy.sock

[authorization]
trusted_clients:
    127.0.0.1

[machine]
provider: none

# Keeps Moonraker from asking the internet.
[announcements]
dev_mode: True

[update_manager]
enable_system_updates: False
# The last line has no end"""


@pytest.fixture
def printer(tmp_path: Path) -> PrinterHost:
    """A host with a checkout of real Moonraker."""
    python = moonraker_python()
    printer = PrinterHost.make(tmp_path)
    package = next(python.parent.parent.glob("lib/python3*/site-packages/moonraker"))
    repository = printer.home / "moonraker"
    ignored = shutil.ignore_patterns("__pycache__", "prusacam", "timelapse.py")
    shutil.copytree(package, repository / "moonraker", ignore=ignored)
    # A checkout has these where the update manager looks for them.
    shutil.copytree(package / "scripts", repository / "scripts", ignore=ignored)
    (repository / ".gitignore").write_text("__pycache__\n")
    git(repository, "init", "-q")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "Moonraker 0.11.0")
    git(repository, "tag", "v0.11.0")
    printer.add_data()
    conf = CONF.format(port=free_port(), data=printer.data)
    (printer.config / "moonraker.conf").write_text(conf)
    printer.add_unit(
        f'MOONRAKER_DATA_PATH="{printer.data}"\nMOONRAKER_ARGS="-m moonraker"\n'
        f'PYTHONPATH="{repository}"\n'
    )
    return printer


def place(printer: PrinterHost) -> Moonraker:
    return Moonraker(printer.data, printer.config / "moonraker.conf", None, None)


@asynccontextmanager
async def running_moonraker(printer: PrinterHost) -> AsyncIterator[None]:
    """Moonraker as its unit would start it."""
    python = link_environment(moonraker_python(), printer.path)
    child = ChildProcess(
        "Moonraker",
        [str(python), "-m", "moonraker", "-d", str(printer.data)],
        printer.path / "moonraker.log",
        {
            "PYTHONPATH": str(printer.home / "moonraker"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "VIRTUAL_ENV": "",
            # For the update manager.
            "PIP_NO_INDEX": "1",
        },
    )
    await child.start()
    try:
        async with asyncio.timeout(WAIT_S):
            while not await asyncio.to_thread(moonraker_api.runs, place(printer)):
                child.check()
                await asyncio.sleep(POLL_S)
        yield
    finally:
        await child.aclose()


@asynccontextmanager
async def running_engine(printer: PrinterHost) -> AsyncIterator[None]:
    """The engine from its new environment, as its unit would start it."""
    program = printer.home / "prusacam-env/bin/prusacam"
    child = ChildProcess(
        "the engine",
        [str(program), "run", "-c", str(printer.config / "prusacam.conf")],
        printer.path / "engine.log",
        isolated(printer),
    )
    await child.start()
    try:
        yield
        child.check()
    finally:
        await child.aclose()


def isolated(printer: PrinterHost) -> dict[str, str]:
    """What lets pip and the new environment do without an index.

    What the package needs is in the environment that runs the tests already.
    """
    return {
        "PYTHONPATH": str(others(printer)),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads that as: no isolation
        "PRUSACAM_NO_EXTENSIONS": "1",
    }


def others(printer: PrinterHost) -> Path:
    """All that is installed beside us: of ourselves pip would say that it has us."""
    folder = printer.path / "packages"
    folder.mkdir(exist_ok=True)
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        link = folder / path.name
        is_ours = path.name.startswith(OURS)
        if not (is_ours or link.is_symlink()):
            link.symlink_to(path)
    return folder


async def run(printer: PrinterHost, *words: str) -> str:
    """The output of install.sh, which has to succeed."""
    done = await asyncio.to_thread(
        subprocess.run,
        [
            str(ROOT / "install.sh"),
            *words,
            *("--home", str(printer.home), "--root", str(printer.root), "--yes"),
        ],
        env={
            **os.environ,
            **isolated(printer),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def sound(printer: PrinterHost) -> list[str]:
    """Moonraker's components, as soon as it has no complaint any more."""
    told = None
    try:
        async with asyncio.timeout(WAIT_S):
            while True:
                told = await asyncio.to_thread(moonraker_api.report, place(printer))
                assert told.failed == []
                if not told.warnings:
                    return told.components
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        pytest.fail(f"Moonraker goes on complaining: {told}")


async def ask(printer: PrinterHost, method: str) -> Any:
    path = moonraker_api.socket_path(place(printer))
    return await asyncio.to_thread(moonraker_api.call, path, method)


async def webcam_names(printer: PrinterHost) -> list[str]:
    webcams = await ask(printer, "server.webcams.list")
    return [one["name"] for one in webcams["webcams"]]


def system_of(printer: PrinterHost) -> dict[str, str]:
    """What an installation may touch; Moonraker itself writes elsewhere."""
    everything = {
        **{f"home/{key}": value for key, value in tree(printer.home).items()},
        **{f"root/{key}": value for key, value in tree(printer.root).items()},
    }
    own = (
        "database",
        "logs",
        "comms",
        ".moonraker.uuid",
        "certs",
        "backup",
        "misc",
        "development",
    )
    skipped = tuple(f"home/printer_data/{name}" for name in (*own, "gcodes"))
    return {
        key: value
        for key, value in everything.items()
        if not key.startswith(skipped) and not key.startswith("home/moonraker/.git/")
    }


async def test_real_moonraker_when_installed_and_uninstalled_then_it_never_complains(
    printer: PrinterHost,
) -> None:
    before = system_of(printer)
    exclude = (printer.home / "moonraker/.git/info/exclude").read_bytes()
    async with running_moonraker(printer):
        assert "prusacam" not in await sound(printer)

        told = await run(printer, "--camera", "test:")

        assert "restart Moonraker (with prusacam)" in told
        assert git_status(printer.home / "moonraker") == ""
        own = printer.config / "prusacam.conf"
        own.write_text(own.read_text().replace("[engine]\n", "[engine]\nport: 0\n"))
        async with running_engine(printer):
            components = await sound(printer)
            assert {"prusacam", "timelapse", "update_manager"} <= set(components)
            # The component tells Moonraker of cameras once it has found the engine.
            async with asyncio.timeout(WAIT_S):
                while not await webcam_names(printer):  # noqa: ASYNC110
                    await asyncio.sleep(POLL_S)
            assert await webcam_names(printer) == ["front"]
            updates = await ask(printer, "machine.update.status")
            ours = updates["version_info"]["prusacam"]
            assert ours["configured_type"] == "python"
            assert (ours["is_valid"], ours["warnings"]) == (True, [])
            assert ours["version"] == moonraker_prusacam.__version__
            assert (ours["owner"], ours["repo_name"]) == ("moonraker-prusacam",) * 2
        again = await run(printer)
        assert "nothing is to be changed" in again

        told = await run(printer, "uninstall")

        assert "Left:" not in told
        assert not {"prusacam", "timelapse"} & set(await sound(printer))
    after = system_of(printer)
    changed = {key for key in before | after if before.get(key) != after.get(key)}
    assert (printer.home / "moonraker/.git/info/exclude").read_bytes() == exclude
    # Moonraker keeps a copy of its configuration; the engine remembers its camera.
    config = "home/printer_data/config"
    assert changed <= {
        f"{config}/prusacam.conf",
        f"{config}/.moonraker.conf.bkp",
        *(key for key in changed if key.startswith("home/printer_data/prusacam")),
    }
    assert not (printer.data / "prusacam/install.json").exists()
    assert (printer.config / "printer.cfg").read_text() == PRINTER_CFG


async def test_real_moonraker_when_it_does_not_run_then_that_is_said(
    printer: PrinterHost,
) -> None:
    with pytest.raises(InstallError, match="does not answer"):
        await ask(printer, "server.info")
    assert not await asyncio.to_thread(moonraker_api.is_printing, place(printer))
