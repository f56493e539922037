# Tests of the options of Prusa's own cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``[prusa_camera NAME]`` takes, refuses, and never shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.config import PrusaCameraConfig, loads
from moonraker_prusacam.errors import ConfigErrors

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "aZ09_-aZ09_-aZ09_-aZ"
OTHER = "bZ09_-aZ09_-aZ09_-aZ"
FINGERPRINT = "0123456789abcdef"
CAMERA = "[camera front]\nsource: tcp://h:1\n"
SECTION = f"[prusa_camera buddy]\ntoken: {TOKEN}\n"
LEAST = f"{CAMERA}{SECTION}fingerprint: {FINGERPRINT}\n"


def read(more: str = "") -> PrusaCameraConfig:
    (made,) = loads(LEAST + more).prusa_cameras
    return made


def told(text: str) -> str:
    with pytest.raises(ConfigErrors) as caught:
        loads(text)
    assert len(caught.value.errors) == 1
    said = str(caught.value.errors[0])
    for secret in (TOKEN, FINGERPRINT):
        assert secret not in said
    return said


def test_section_when_least_then_a_timelapse_of_every_print() -> None:
    made = read()
    assert (made.name, made.secret.reveal()) == ("buddy", TOKEN)
    assert made.timelapse
    assert made.profile == "wire"
    assert made.download_url == "{server}/c/timelapse/{camera_token}/{job_name}.mp4"
    assert {made.ending(how) for how in ("complete", "cancelled", "error")} == {
        "render"
    }


def test_section_when_complete_then_every_option_is_read(tmp_path: Path) -> None:
    made = read(
        f"""jwt_file: {tmp_path}/jwt
server: http://127.0.0.1:1
signaling_url: ws://127.0.0.1:2
origin: https://connect.prusa3d.com
profile: SEED
timelapse: no
interval: 15
render_on_cancel: discard
render_on_error: discard
render_timeout: 60
download_url: http://127.0.0.1:1/{{job_name}}?of={{camera_token}}
download_timeout: 60
max_download_mb: 1
reserve_mb: 1
preview_image: off
"""
    )
    assert (made.profile, made.interval, made.preview_image) == ("seed", 15, False)
    assert [made.ending(how) for how in ("complete", "cancelled", "interrupted")] == [
        "render",
        "discard",
        "discard",
    ]


def test_token_when_in_a_file_then_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    text = f"{CAMERA}[prusa_camera buddy]\ntoken_file: {tmp_path}/token\n"
    (made,) = loads(f"{text}fingerprint: {FINGERPRINT}\n").prusa_cameras
    assert made.secret.reveal() == TOKEN


def test_timelapse_when_off_then_needs_no_fingerprint() -> None:
    (made,) = loads(f"{CAMERA}{SECTION}timelapse: False\n").prusa_cameras
    assert made.fingerprint is None


def test_section_when_shown_then_without_secrets() -> None:
    shown = repr(read())
    assert TOKEN not in shown
    assert FINGERPRINT not in shown


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("profile: fast\n", "wire, seed"),
        ("profile: seed\nfps: 10\n", "'fps' has no place"),
        ("profile: seed\ninterval: 9\n", "is 10 to 600"),
        ("server: connect\n", "does not start with one of"),
        ("signaling_url: tcp://h\n", "wss://"),
        ("signaling_url: wss://h/other\n", "has a path"),
        ("download_url: {server}/video.mp4\n", "has no {job_name} in it"),
        ("download_url: {server}/{job}.mp4\n", "{job} is not one of"),
        ("download_url: ftp://h/{job_name}\n", "begins with none of"),
        ("download_url: https:///{job_name}\n", "has no host"),
        ("download_url: https://h/a {job_name}\n", "has blanks"),
        ("download_url: {server}/{job_name!r}\n", "is not one of"),
        ("download_url: {server}/{job_name\n", "expected"),
        ("render_timeout: 9\n", "is not from 10 to 86400"),
        ("download_timeout: never\n", "is not a number"),
        ("render_on_cancel: keep\n", "render, discard"),
        ("max_download_mb: 0\n", "is not from 1"),
        ("fingerprints: x\n", "did you mean 'fingerprint'?"),
    ],
)
def test_option_when_wrong_then_told_with_its_place(more: str, words: str) -> None:
    said = told(LEAST + more)
    assert words in said
    assert "[prusa_camera buddy]" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{CAMERA}[prusa_camera]\ntoken: {TOKEN}\n", "has no name"),
        (f"{CAMERA}[prusa_camera ä]\ntoken: {TOKEN}\n", "a name has 1 to 64"),
        (f"{CAMERA}{SECTION}", "needs 'fingerprint' or 'jwt_file'"),
        (f"{CAMERA}{SECTION}fingerprint: {FINGERPRINT[:15]}\n", "16 to 64"),
        (f"{CAMERA}{SECTION}fingerprint: {FINGERPRINT} x\n", "without blanks"),
        (
            f"{CAMERA}[prusa_camera buddy]\nfingerprint: {FINGERPRINT}\n",
            "needs either 'token' or 'token_file'",
        ),
        (
            f"{LEAST}[prusa_camera core]\ntoken: {TOKEN}\ntimelapse: no\n",
            "has the token of [prusa_camera buddy]",
        ),
    ],
)
def test_section_when_wrong_then_told_once(text: str, words: str) -> None:
    assert words in told(text)


def test_sections_when_two_cameras_then_both() -> None:
    more = f"[prusa_camera core]\ntoken: {OTHER}\nfingerprint: {FINGERPRINT}\n"
    assert [each.name for each in loads(LEAST + more).prusa_cameras] == [
        "buddy",
        "core",
    ]
