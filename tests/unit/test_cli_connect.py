# Tests of ``prusacam connect import``.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command as a user runs it, on real files: what is written, and what is not."""

from __future__ import annotations

import asyncio
import os
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam import config, uploads
from moonraker_prusacam.app import Engine
from moonraker_prusacam.connect.env_file import parse_env_file
from moonraker_prusacam.connect.identity import load_or_create_fingerprint
from moonraker_prusacam.connect.import_plan import plan_import
from moonraker_prusacam.connect.takeover import take_over
from moonraker_prusacam.connect.uploader import SnapshotUploader
from moonraker_prusacam.emulator.connect import LocalConnect
from moonraker_prusacam.errors import ConfigError
from tests.support.command_line import JPEG, prusacam, said
from tests.support.feeder import Feeder

if TYPE_CHECKING:
    import subprocess

TOKEN = "aZ09_-aZ09_-aZ09_-aZ"
OTHER_TOKEN = "bZ09_-aZ09_-aZ09_-aZ"
FINGERPRINT = "7ac2b054e8bb46c797b8e392d5570000"
BRIDGE = f"""\
PC_TOKEN={TOKEN}
PC_FINGERPRINT={FINGERPRINT}
INTERVAL_SECONDS=30
SNAP_URL=http://127.0.0.1:8081/snapshot.jpg
"""
SECTIONS = """\
[camera front]
source: tcp://127.0.0.1:9000

[connect front]
token_file: {token}
trigger_scheme: THIRTY_SEC
"""


class Home:
    """A user's folder with the usual places."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data_path = folder / "printer_data"
        self.data_path.mkdir()
        self.file = self.data_path / "config" / "prusacam.conf"
        self.env = folder / "prusa-connect.env"
        self.env.write_text(BRIDGE)
        self.env.chmod(0o600)
        self.state = self.data_path / "prusacam" / "connect"
        self.token = self.state / "front.token"
        self.fingerprint = self.state / "front.fingerprint"

    @property
    def sections(self) -> str:
        return SECTIONS.format(token=self.token)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        done = prusacam(self.folder, "connect", "import", self.env, *arguments)
        text = said(done) + done.stdout.decode()
        for secret in (TOKEN, OTHER_TOKEN, FINGERPRINT):
            assert secret not in text
        return done

    def configure(self, content: str | bytes) -> None:
        self.file.parent.mkdir(exist_ok=True)
        raw = content.encode() if isinstance(content, str) else content
        self.file.write_bytes(raw)

    def everything(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_import_when_not_told_to_write_then_shows_what_belongs_where(
    home: Home,
) -> None:
    done = home.run()
    text = done.stdout.decode()
    assert done.returncode == 0
    assert home.sections in text
    assert f"This belongs into {home.file}" in text
    assert "disable --now" in text
    assert not home.file.exists()
    assert home.token.read_text() == f"{TOKEN}\n"
    assert load_or_create_fingerprint(home.fingerprint) == FINGERPRINT
    for path in (home.token, home.fingerprint):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(list(home.state.iterdir())) == 2


def test_import_when_told_to_write_then_the_configuration_is_whole(
    home: Home,
) -> None:
    done = home.run("--write")
    assert done.returncode == 0
    assert home.file.read_text() == home.sections
    made = config.load(home.file)
    assert made.connect[0].secret.reveal() == TOKEN
    assert made.connect[0].trigger_scheme == "THIRTY_SEC"


def test_import_when_repeated_then_nothing_changes(home: Home) -> None:
    home.run("--write")
    before = home.everything()
    done = home.run("--write")
    assert done.returncode == 0
    assert "has the sections already" in done.stdout.decode()
    assert home.everything() == before


PRESENT = [
    b"# mine\n[engine]\nport: 8082\n[camera front]\nsource: tcp://h:1\n",
    b"[camera front]\nsource: tcp://h:1\n; no end of line",
    b"\xef\xbb\xbf[camera front]\r\nsource: tcp://h:1\r\n",
    "[camera front]\nsource: tcp://h:1\n# Größe\n\n\n".encode(),
]


@pytest.mark.parametrize("content", PRESENT)
def test_import_when_there_is_a_configuration_then_every_byte_of_it_stays(
    home: Home, content: bytes
) -> None:
    home.configure(content)
    home.file.chmod(0o640)
    assert home.run("--write").returncode == 0
    written = home.file.read_bytes()
    assert written.startswith(content)
    assert stat.S_IMODE(home.file.stat().st_mode) == 0o640
    added = written[len(content) :]
    assert b"[camera" not in added
    assert added.count(b"\r\n") in (0, added.count(b"\n"))
    assert (b"\r\n" in added) == (b"\r\n" in content)
    made = config.load(home.file)
    assert made.connect[0].camera == "front"
    assert str(made.cameras[0].source) == "tcp://h:1"


def test_import_when_the_configuration_is_a_link_then_it_stays_one(home: Home) -> None:
    real = home.folder / "repository.conf"
    real.write_text("[camera front]\nsource: tcp://h:1\n")
    home.file.parent.mkdir()
    home.file.symlink_to(real)
    assert home.run("--write").returncode == 0
    assert home.file.is_symlink()
    assert "[connect front]" in real.read_text()


def test_import_when_the_data_folder_is_elsewhere_then_stored_there(
    home: Home,
) -> None:
    other = home.folder / "other"
    other.mkdir()
    home.configure(f"[engine]\ndata_path: {other}\n")
    assert home.run("--write").returncode == 0
    assert (other / "prusacam" / "connect" / "front.token").exists()
    assert not home.state.exists()


@pytest.mark.parametrize("name", ["fingerprint", "token"])
def test_import_when_another_identity_is_there_then_refused_with_what_to_do(
    home: Home, name: str
) -> None:
    home.state.mkdir(parents=True)
    path = home.state / f"front.{name}"
    path.write_text("x" * 20 + "\n")
    before = home.everything()
    done = home.run("--write")
    assert done.returncode == 1
    assert f"mv '{path}' '{path}.old'" in said(done)
    assert home.everything() == before


def test_import_when_the_identity_is_open_to_others_then_it_is_closed(
    home: Home,
) -> None:
    home.state.mkdir(parents=True)
    home.fingerprint.write_text(FINGERPRINT)
    home.fingerprint.chmod(0o644)
    assert home.run().returncode == 0
    assert stat.S_IMODE(home.fingerprint.stat().st_mode) == 0o600


def test_import_when_the_camera_has_another_token_then_another_camera_is_asked_for(
    home: Home,
) -> None:
    content = (
        f"[camera front]\nsource: tcp://h:1\n[connect front]\ntoken: {OTHER_TOKEN}\n"
    )
    home.configure(content)
    before = home.everything()
    done = home.run("--write")
    assert done.returncode == 1
    assert "--camera NAME" in said(done)
    assert home.everything() == before
    done = home.run("--write", "--camera", "front")
    assert done.returncode == 1
    assert "another token" in said(done)
    assert home.everything() == before
    assert home.run("--write", "--camera", "back").returncode == 0
    assert [upload.camera for upload in config.load(home.file).connect] == [
        *("front", "back")
    ]


def test_import_when_the_token_is_in_the_configuration_then_nothing_is_added(
    home: Home,
) -> None:
    home.configure(
        f"[camera front]\nsource: tcp://h:1\n[connect front]\ntoken: {TOKEN}\n"
    )
    before = home.file.read_bytes()
    assert home.run("--write").returncode == 0
    assert home.file.read_bytes() == before
    assert load_or_create_fingerprint(home.fingerprint) == FINGERPRINT


def test_import_when_there_are_several_cameras_then_asked_which(home: Home) -> None:
    home.configure("[camera a]\nsource: tcp://h:1\n[camera b]\nsource: tcp://h:2\n")
    done = home.run()
    assert done.returncode == 1
    assert "--camera; there is: a, b" in said(done)
    assert home.run("--camera", "b", "--write").returncode == 0
    # Of two cameras one has no token yet.
    home.env.write_text(BRIDGE.replace(TOKEN, OTHER_TOKEN))
    assert home.run("--write").returncode == 0
    assert {upload.camera for upload in config.load(home.file).connect} == {"a", "b"}


def test_import_when_the_source_is_unknown_then_the_configuration_stays(
    home: Home,
) -> None:
    home.env.write_text(BRIDGE.replace("http://", "gopher://"))
    shown = home.run()
    assert shown.returncode == 0
    assert "source: SOURCE" in shown.stdout.decode()
    done = home.run("--write")
    assert done.returncode == 1
    assert "the source is missing" in said(done)
    assert not home.file.exists()
    # With a camera that is configured it is no matter where its frames come from.
    home.configure("[camera nozzle]\nsource: tcp://h:1\n")
    assert home.run("--write").returncode == 0
    assert config.load(home.file).connect[0].camera == "nozzle"


def test_import_when_the_camera_has_a_password_then_it_is_written_and_not_shown(
    home: Home,
) -> None:
    home.env.write_text(BRIDGE.replace("127.0.0.1:8081", "me:hunter2@10.0.0.7"))
    for arguments in ((), ("--write",)):
        done = home.run(*arguments)
        assert done.returncode == 0
        told = said(done) + done.stdout.decode()
        assert "source: snapshot+http://***@10.0.0.7/snapshot.jpg" in told
        assert "--write adds it whole" in told
        assert "hunter2" not in told
    (camera,) = config.load(home.file).cameras
    assert camera.credentials is not None
    assert camera.credentials.password.reveal() == "hunter2"


def test_import_when_the_configuration_has_mistakes_then_2_and_all_of_them(
    home: Home,
) -> None:
    for content in (
        "[camera front]\nsuorce: x\n",
        "nonsense\n",
        "[engine]\ndata_path: here\n",
        b"\xff\xfe",
    ):
        home.configure(content)
        before = home.file.read_bytes()
        done = home.run("--write")
        assert done.returncode == 2
        assert str(home.file) in said(done)
        assert home.file.read_bytes() == before


BAD_FILES = [
    (b"", "holds no token"),
    (b"PC_TOKEN=short\n", "has 20 characters"),
    (b"\xff\xfe", "is not UTF-8"),
    (b"#" * (300 << 10), "is larger than"),
    (f"PC_TOKEN={TOKEN}\nPC_FINGERPRINT={FINGERPRINT[:9]}\n".encode(), "16 to 64"),
]


@pytest.mark.parametrize(("content", "text"), BAD_FILES)
def test_import_when_the_file_is_bad_then_2_and_one_line(
    home: Home, content: bytes, text: str
) -> None:
    home.env.write_bytes(content)
    done = home.run("--write")
    assert done.returncode == 2
    assert text in said(done)
    assert said(done).count("\n") == 1
    assert not home.state.exists()


def test_import_when_the_file_is_absent_then_2(home: Home) -> None:
    home.env.unlink()
    done = home.run()
    assert done.returncode == 2
    assert "No such file" in said(done)


def test_import_when_there_is_no_data_folder_then_none_is_made(home: Home) -> None:
    home.data_path.rmdir()
    done = home.run("--write")
    assert done.returncode == 1
    assert "data_path" in said(done)
    assert not home.data_path.exists()


@pytest.mark.parametrize("name", ["a/b", "", "../x", "é", "x" * 65])
def test_import_when_the_name_is_none_then_refused(home: Home, name: str) -> None:
    done = home.run("--camera", name)
    assert done.returncode == 1
    assert "--camera: a name has" in said(done)
    assert not home.state.exists()


def test_import_when_others_can_read_the_file_then_told(home: Home) -> None:
    home.env.chmod(0o644)
    assert b"chmod 600" in home.run().stdout
    home.env.chmod(0o600)
    assert b"chmod 600" not in home.run().stdout


def test_import_when_root_would_store_for_another_user_then_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    owner = home.data_path.stat()
    altered = os.stat_result((*owner[:4], 1000, *owner[5:]))
    monkeypatch.setattr(Path, "stat", lambda *_, **__: altered)
    home.configure(f"[engine]\ndata_path: {home.data_path}\n")
    with pytest.raises(ConfigError, match="without sudo"):
        plan_import(take_over(parse_env_file(BRIDGE)), home.file, None)


async def test_import_when_the_engine_runs_by_it_then_prusa_connect_notices_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        uploads, "SnapshotUploader", partial(SnapshotUploader, min_gap_s=0.05)
    )
    server = LocalConnect()
    server.add_camera(TOKEN).fingerprint = FINGERPRINT  # bound by the old uploader
    await server.start()
    try:
        async with Feeder() as feed:
            camera = f"[engine]\ndata_path: {home.data_path}\nport: 0\n"
            camera += f"[camera front]\nsource: {feed.url}\nstale_after: 600\n"
            await asyncio.to_thread(home.configure, camera)
            settings = f"{BRIDGE}PRUSA_CONNECT_URL={server.url}/c/snapshot\n"
            await asyncio.to_thread(home.env.write_text, settings)
            assert (await asyncio.to_thread(home.run, "--write")).returncode == 0
            made = await asyncio.to_thread(config.load, home.file)
            async with Engine(made) as engine:
                await feed.arrived(1)
                await feed.send(JPEG)
                await engine.uploaders[0].upload()
    finally:
        await server.aclose()
    assert server.last_image(TOKEN) == JPEG
