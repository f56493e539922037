# Tests of sections that are added to prusacam.conf.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written, what is refused, where secrets go, and that no byte is lost."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam import config, config_file
from moonraker_prusacam.camera_section import compose, is_same, parse_url
from moonraker_prusacam.errors import ConfigError, ConfigErrors
from moonraker_prusacam.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "sw0rd#fish"
BEFORE = b"# mine\n[camera a]\nsource: tcp://b:1  # the first\n; end"


def test_section_when_simple_then_written_as_it_was_typed(tmp_path: Path) -> None:
    section = compose("bed", " TCP://cam:9000 ", settings=["rotation = 90", "FPS=5"])
    assert section.text == (
        "[camera bed]\nsource: TCP://cam:9000\nrotation: 90\nfps: 5\n"
    )
    made, camera = section.check(BEFORE, tmp_path / "x.conf")
    assert [one.name for one in made.cameras] == ["a", "bed"]
    assert (camera.rotation, camera.fps) == (90, 5)


@pytest.mark.parametrize(
    ("url", "written", "shown"),
    [
        (
            "http://joe:p%40ss@cam:80/v?x=1",
            "http://cam:80/v?x=1",
            "http://cam:80/v?***",
        ),
        ("rtsp://joe:pw@[fe80::1]/live", "rtsp://[fe80::1]/live", None),
        ("http://cam/?token=abc", "http://cam/?token=abc", "http://cam/?***"),
        (
            "exec:rpicam-vid -t 0 -o - --key abc",
            "exec:rpicam-vid -t 0 -o - --key abc",
            "exec:rpicam-vid ***",
        ),
        ("v4l2:/dev/video0", "v4l2:/dev/video0", None),
    ],
)
def test_source_when_it_holds_secrets_then_they_are_taken_out_or_not_shown(
    tmp_path: Path, url: str, written: str, shown: str | None
) -> None:
    section = compose("bed", url)
    assert f"\nsource: {written}\n" in section.text
    assert f"\nsource: {shown or written}\n" in section.shown
    _, camera = section.check(b"", tmp_path / "x.conf")
    if section.username:
        assert camera.credentials is not None
        assert camera.credentials.user == "joe"
        assert camera.credentials.password.reveal() in ("p@ss", "pw")
    for text in (section.text, section.shown, repr(section), str(section)):
        assert "p@ss" not in text
        assert "p%40ss" not in text
    assert "abc" not in repr(section)


def test_secret_when_entered_then_stored_for_its_owner_and_named_in_the_section(
    tmp_path: Path,
) -> None:
    place = tmp_path / "state" / "cameras" / "bed.password"
    section = compose(
        "bed",
        "http://cam/",
        username="joe",
        secret=Secret(PASSWORD),
        secret_file=place,
    )
    _, camera = section.check(BEFORE, tmp_path / "x.conf")
    assert camera.credentials is not None
    assert camera.credentials.password.reveal() == PASSWORD
    assert not place.exists()
    section.store_secret()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert section.text == (
        f"[camera bed]\nsource: http://cam/\nusername: joe\npassword_file: {place}\n"
    )
    file = tmp_path / "prusacam.conf"
    config_file.replace(file, config_file.extended(BEFORE, section.text))
    read = config.load(file).cameras[1].credentials
    assert read is not None
    assert (read.user, read.password.reveal()) == ("joe", PASSWORD)
    assert PASSWORD not in file.read_text() + section.shown + repr(section)


def test_access_code_when_entered_then_it_is_no_password(tmp_path: Path) -> None:
    place = tmp_path / "a.access_code"
    section = compose("a", "bambu://printer?model=P1S", secret=Secret("12345678"))
    _, camera = section.check(b"", tmp_path / "x.conf")
    assert camera.access_code is not None
    assert camera.access_code.reveal() == "12345678"
    section = compose(
        "a",
        "bambu://printer?model=P1S",
        secret=Secret("12345678"),
        secret_file=place,
    )
    assert f"\naccess_code_file: {place}\n" in section.text
    assert "\nsource: bambu://printer?model=P1S\n" in section.shown


@pytest.mark.parametrize("secret", ["", " a", "a ", "a\nb", "\t", "x" * 5000])
def test_secret_when_a_file_cannot_hold_it_then_refused(secret: str) -> None:
    with pytest.raises(ConfigError, match="the password is") as caught:
        compose("a", "http://cam/", username="joe", secret=Secret(secret))
    assert "x" * 20 not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "url", "more", "told"),
    [
        ("", "tcp://b:1", {}, "a camera's name has 1 to 64"),
        ("a/b", "tcp://b:1", {}, "a camera's name has"),
        ("a]\n[engine", "tcp://b:1", {}, "a camera's name has"),
        ("a", "b:1", {}, "the URL does not start with one of: tcp://"),
        ("a", "tcp://", {}, "the URL has no host"),
        ("a", "http://joe@cam", {"username": "jim"}, "--username is another one"),
        ("a", "tcp://b:1", {"settings": ["rotation"]}, "OPTION=VALUE"),
        ("a", "tcp://b:1", {"settings": ["[engine]\nport=1"]}, "OPTION=VALUE"),
        ("a", "tcp://b:1", {"settings": ["password=x"]}, "does not belong into a"),
        ("a", "tcp://b:1", {"settings": ["Access_Code=x"]}, "does not belong into a"),
        ("a", "tcp://b:1", {"settings": ["source=x"]}, "is the URL"),
        ("a", "tcp://b:1", {"settings": ["password_file=x"]}, "is --password-file"),
    ],
)
def test_section_when_it_makes_no_sense_then_refused(
    name: str, url: str, more: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(name, url, **more)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        ["webcam_url=/a\n[engine]\nport: 1"],
        ["webcam_url=/a\nrotation: 90"],
        ["webcam_url=/a #b"],
        ["webcam_url=/a\x00"],
        ["webcam_url=/a\rb"],
    ],
)
def test_value_when_it_would_be_read_in_another_way_then_refused(
    tmp_path: Path, settings: list[str]
) -> None:
    with pytest.raises(
        ConfigError, match=r"\[camera a\] webcam_url: cannot be written"
    ):
        compose("a", "tcp://b:1", settings=settings).check(b"", tmp_path / "x.conf")


def test_command_when_it_has_a_hash_then_refused_for_the_source(tmp_path: Path) -> None:
    section = compose("a", "exec:ffmpeg -vf 'drawtext=text= #1' -f mjpeg -")
    with pytest.raises(ConfigError, match=r"\[camera a\] source: cannot be written"):
        section.check(b"", tmp_path / "x.conf")


@pytest.mark.parametrize(
    ("before", "settings", "told"),
    [
        (b"", ["rotaton=90"], "unknown option (did you mean 'rotation'?)"),
        (b"", ["rotation=45"], "'45' is not one of"),
        (b"[engine]\nport: x\n", [], "[engine] port: 'x' is not a whole number"),
        (b"[camera a]\nsource: tcp://b:1\n", [], "section stands twice"),
        (b"\xef\xbb\xbf[camera z]\nsource: tcp://b\noops", [], "neither a [section]"),
    ],
)
def test_file_when_there_are_mistakes_then_all_are_told(
    tmp_path: Path, before: bytes, settings: list[str], told: str
) -> None:
    section = compose("a", "tcp://b:1", settings=settings)
    with pytest.raises(ConfigErrors) as caught:
        section.check(before, tmp_path / "x.conf")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("tcp://b:1", "tcp://b:1", True),
        ("tcp://b:1", "tcp://b:2", False),
        ("http://joe:pw@cam/v", "http://cam/v", True),
        ("http://cam/v", "http://cam/w", False),
        ("http://cam/v?a=1", "http://cam/v?a=2", False),
        ("http://cam/v", "https://cam/v", False),
        ("v4l2:/dev/video0", "v4l2:/dev/video0", True),
        ("v4l2:/dev/video0", "v4l2:/dev/video1", False),
        ("exec:a b", "exec:a c", False),
        ("test:", "test:", True),
    ],
)
def test_sources_when_compared_then_who_logs_in_does_not_matter(
    one: str, other: str, same: bool
) -> None:
    assert is_same(parse_url(one), parse_url(other)) is same


# The file


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"[a]\nb: c\n"),
        (b"x\n", b"x\n\n[a]\nb: c\n"),
        (b"x", b"x\n\n[a]\nb: c\n"),
        (b"x\r\ny", b"x\r\ny\r\n\r\n[a]\r\nb: c\r\n"),
        (b"\xef\xbb\xbf# \xc3\xa9\n", b"\xef\xbb\xbf# \xc3\xa9\n\n[a]\nb: c\n"),
    ],
)
def test_extended_then_every_byte_stays_and_lines_end_alike(
    before: bytes, after: bytes
) -> None:
    assert config_file.extended(before, "[a]\nb: c\n") == after


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664])
def test_replace_when_the_file_is_there_then_its_mode_and_links_stay(
    tmp_path: Path, mode: int
) -> None:
    real, link = tmp_path / "repo" / "p.conf", tmp_path / "p.conf"
    real.parent.mkdir()
    real.write_bytes(BEFORE)
    real.chmod(mode)
    link.symlink_to(real)
    copy = config_file.back_up(link)
    after = config_file.extended(BEFORE, "[camera b]\nsource: tcp://b:2\n")
    config_file.replace(link, after)
    assert link.is_symlink()
    assert real.read_bytes() == after
    assert copy is not None
    assert copy.read_bytes() == BEFORE
    assert copy.parent == tmp_path
    for path in (real, copy):
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_replace_when_the_result_has_mistakes_then_nothing_changes(
    tmp_path: Path,
) -> None:
    file = tmp_path / "p.conf"
    file.write_bytes(BEFORE)
    with pytest.raises(ConfigErrors):
        config_file.replace(file, BEFORE + b"\n[camera b]\n")
    assert file.read_bytes() == BEFORE
    assert list(tmp_path.iterdir()) == [file]


def test_back_up_when_there_is_no_file_then_none(tmp_path: Path) -> None:
    assert config_file.back_up(tmp_path / "p.conf") is None
    assert list(tmp_path.iterdir()) == []


def test_file_when_it_cannot_be_used_then_it_is_an_error_of_ours(
    tmp_path: Path,
) -> None:
    for use in (config_file.read, config_file.back_up):
        with pytest.raises(ConfigError):
            use(tmp_path)
    with pytest.raises(ConfigErrors, match="not UTF-8"):
        config_file.parse(b"\xff", tmp_path)


def test_owner_when_root_writes_for_another_user_then_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "p.conf"
    file.write_bytes(BEFORE)
    config_file.expect_own(file)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    if file.stat().st_uid == 0:
        os.chown(file, 1000, 1000)
    with pytest.raises(ConfigError, match="without sudo"):
        config_file.expect_own(file)
