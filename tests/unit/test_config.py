# Tests of the configuration.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every mistake of a file is told at once, where it is, and without the token."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam import config
from moonraker_prusacam.config import load, loads
from moonraker_prusacam.errors import ConfigError, ConfigErrors

TOKEN = "aZ09_-aZ09_-aZ09_-aZ"
PRUSA_CAMERA = (
    "[prusa_camera buddy]\ntoken: aZ09_-aZ09_-aZ09_-aZ\nfingerprint: 0123456789abcdef\n"
)
CAMERA = "[camera front]\nsource: tcp://h:1\n"


def mistakes(text: str) -> list[str]:
    """What ``loads`` has against ``text``."""
    with pytest.raises(ConfigErrors) as caught:
        loads(text)
    assert all(isinstance(error, ConfigError) for error in caught.value.errors)
    return [str(error) for error in caught.value.errors]


def load_mistakes(file: Path) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        load(file)
    assert caught.value.path == str(file)
    return [str(error) for error in caught.value.errors]


def test_file_when_least_then_defaults() -> None:
    made = loads(CAMERA)
    assert made.engine == config.EngineConfig()
    assert made.engine.host == "127.0.0.1"
    assert made.connect == ()
    assert made.timelapse is None
    camera = made.cameras[0]
    assert (camera.name, str(camera.source)) == ("front", "tcp://h:1")
    assert (camera.stale_after_s, camera.rotation) == (5.0, 0)


def test_file_when_complete_then_every_option_is_read() -> None:
    made = loads(
        f"""
[engine]
data_path: /d
host: ::1
port: 0
socket: /s
max_viewers: 1
log_level: DEBUG
[camera front]
source: tcp://h:1
stale_after: 0.5
max_frame_bytes: 65536
target_fps: 120
rotation: 270
flip_horizontal: yes
flip_vertical: on
webcam_url: /cam/
[connect front]
token: {TOKEN}
server: http://127.0.0.1:1
trigger_scheme: each_layer
[timelapse]
enabled: no
camera: front
trigger: Macro
fps: 1
crf: 51
ffmpeg: /f
output_path: /o
jobs_path: /j
"""
    )
    assert made.engine == config.EngineConfig(
        data_path=Path("/d"),
        host="::1",
        port=0,
        socket=Path("/s"),
        max_viewers=1,
        log_level="debug",
    )
    assert made.cameras == (
        config.CameraConfig(
            name="front",
            source="tcp://h:1",
            stale_after_s=0.5,
            max_frame_bytes=65536,
            target_fps=120,
            rotation=270,
            flip_horizontal=True,
            flip_vertical=True,
            webcam_url="/cam/",
        ),
    )
    (upload,) = made.connect
    assert upload.secret.reveal() == TOKEN
    assert (upload.camera, upload.server) == ("front", "http://127.0.0.1:1")
    assert upload.trigger_scheme == "EACH_LAYER"
    assert made.timelapse == config.TimelapseConfig(
        enabled=False,
        camera="front",
        trigger="macro",
        fps=1.0,
        crf=51,
        ffmpeg=Path("/f"),
        output_path=Path("/o"),
        jobs_path=Path("/j"),
    )
    assert (made.videos_path, made.jobs_path) == (Path("/o"), Path("/j"))


def test_config_when_there_is_a_prusa_camera_alone_then_it_will_do() -> None:
    made = loads(PRUSA_CAMERA)
    assert (made.cameras, len(made.prusa_cameras)) == ((), 1)


def test_config_when_changed_then_refused() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        loads(CAMERA).engine.port = 1  # type: ignore[misc]


MISTAKES = {
    "nothing": ("", ["there is no [camera NAME] section, so there is nothing to do"]),
    "no camera": ("[engine]\nport: 1", ["there is no [camera NAME] section, so"]),
    "timelapse without camera": (
        PRUSA_CAMERA + "[timelapse]",
        ["[timelapse] needs a [camera NAME] section: a Prusa camera makes its own"],
    ),
    "damaged Prusa camera alone": (
        "[prusa_camera buddy]\ntoken: short",
        ["line 2, [prusa_camera buddy] token: a token of Prusa Connect has 20"],
    ),
    "address of a signalling server with a path": (
        CAMERA + f"[connect front]\ntoken: {TOKEN}\nsignaling_url: wss://h/x",
        ["line 5, [connect front] signaling_url: has a path; an address is like"],
    ),
    "unknown section": (
        CAMERA + "[timelaps]",
        ["line 3, [timelaps]: unknown section (did you mean 'timelapse'?)"],
    ),
    "section in capitals": (
        CAMERA + "[ENGINE]",
        ["line 3, [ENGINE]: unknown section (did you mean 'engine'?)"],
    ),
    "section of another program": (
        CAMERA + "[mcu]",
        ["line 3, [mcu]: unknown section"],
    ),
    "unknown option": (
        CAMERA + "sorce: tcp://h:1",
        ["line 3, [camera front] sorce: unknown option (did you mean 'source'?)"],
    ),
    "nothing like it": (CAMERA + "xyz: 1", ["xyz: unknown option"]),
    "internal name": (
        CAMERA + "stale_after_s: 1\nname: x",
        [
            "stale_after_s: unknown option (did you mean 'stale_after'?)",
            "name: unknown",
        ],
    ),
    "missing option": (
        "[camera front]",
        ["line 1, [camera front]: option 'source' is missing"],
    ),
    "camera without name": (
        "[camera]\nsource: tcp://h:1",
        ["line 1, [camera]: has no name: write [camera NAME]"],
    ),
    "engine with name": (
        CAMERA + "[engine x]",
        ["line 3, [engine x]: takes no name: write [engine]"],
    ),
    "section twice": (CAMERA * 2, ["section stands twice", "option stands twice"]),
    "wrong types": (
        CAMERA + "rotation: 45\ntarget_fps: fast\nflip_vertical: perhaps",
        [
            "line 3, [camera front] rotation: '45' is not one of: 0, 90, 180, 270",
            "line 4, [camera front] target_fps: 'fast' is not a whole number",
            "line 5, [camera front] flip_vertical: 'perhaps' is neither True nor False",
        ],
    ),
    "bounds": (
        CAMERA + "stale_after: nan\nmax_frame_bytes: 1\n[engine]\nport: 65536",
        ["stale_after: nan is not from", "max_frame_bytes: 1 is not", "port: 65536 is"],
    ),
    "empty values": (
        "[camera front]\nsource:\nwebcam_url:\n[timelapse]\ncamera:",
        ["source: does not start", "webcam_url: is empty", "camera: is empty"],
    ),
    "indented by accident": (
        CAMERA + "[engine]\ndata_path: /a\n  host: 0.0.0.0",
        ["line 4, [engine] data_path: has more than one line; is the next one ind"],
    ),
    "unknown camera of connect": (
        CAMERA + f"[connect frnt]\ntoken: {TOKEN}",
        ["line 3, [connect frnt]: there is no [camera frnt] (did you mean 'front'?)"],
    ),
    "camera in other case": (
        "[camera BED]\nsource: tcp://h:1\n[timelapse]\ncamera: bed",
        ["line 4, [timelapse] camera: there is no [camera bed] (did you mean 'BED'?)"],
    ),
    "no token": (
        CAMERA + "[connect front]\nserver: ftp://x",
        [
            "line 3, [connect front]: needs either 'token' or 'token_file'",
            "line 4, [connect front] server: does not start with one of",
        ],
    ),
    "token and file": (
        CAMERA + f"[connect front]\ntoken: {TOKEN}\ntoken_file: /dev/null",
        ["line 3, [connect front]: needs either", "line 5, [connect front] token_file"],
    ),
    "server with password": (
        CAMERA + f"[connect front]\ntoken: {TOKEN}\nserver: https://u:p@host",
        ["server: has more than a host, a port and a path"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_when_made_then_all_are_told(text: str, expected: list[str]) -> None:
    told = mistakes(text)
    assert len(told) == len(expected), told
    for mistake, part in zip(told, expected, strict=True):
        assert part in mistake


def test_mistakes_when_of_every_kind_then_told_in_the_order_of_lines() -> None:
    told = mistakes(
        "x: 1\n[engine]\nport: x\n[camera a/b]\n[cam]\n[camera front]\n[connect f]\n?"
    )
    lines = [int(mistake.split(",")[0].split(":")[0].split()[1]) for mistake in told]
    assert lines == sorted(lines)
    assert set(lines) == {1, 3, 4, 5, 6, 7, 8}


@pytest.mark.parametrize(
    "name", ["front", "Front 2", "a.b", "a_b-c", "0", "x" * 64, "a" + ".." * 3]
)
def test_camera_name_when_harmless_then_taken(name: str) -> None:
    assert loads(f"[camera {name}]\nsource: tcp://h:1").cameras[0].name == name


@pytest.mark.parametrize(
    "name",
    [
        *("a/b", "../x", ".", "..", "-x", " . ", "a\\b", "a'b", 'a"b', "<b>", "a&b"),
        *(
            "a?b",
            "a%2f",
            "Düse",
            "🖨",
            "a;b",
            "$(id)",
            "x" * 65,
            "a,b",
            "a=b",
        ),
    ],
)
def test_camera_name_when_hostile_then_refused(name: str) -> None:
    told = mistakes(f"[camera {name}]\nsource: tcp://h:1")
    assert any("a name has 1 to 64 letters" in mistake for mistake in told)


SECRETS = {
    "too short": TOKEN[:-1],
    "too long": TOKEN + "x",
    "blank inside": TOKEN[:10] + " " + TOKEN[10:],
    "other characters": TOKEN[:-1] + "!",
    "quoted": f'"{TOKEN}"',
    "on two lines": f"{TOKEN[:10]}\n  {TOKEN[10:]}",
    "not ASCII": TOKEN[:-1] + "é",
}


@pytest.mark.parametrize("value", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("option", ["token", "token_file"])
def test_token_when_unfit_then_told_without_the_token(option: str, value: str) -> None:
    (told,) = mistakes(CAMERA + f"[connect front]\n{option}: {value}")
    assert told.startswith(f"line 4, [connect front] {option}: ")
    assert TOKEN[:10] not in told
    assert TOKEN[10:-1] not in told


def test_token_when_fit_then_shown_nowhere() -> None:
    made = loads(CAMERA + f"[connect front]\ntoken:   {TOKEN}   # mine")
    assert made.connect[0].secret.reveal() == TOKEN
    assert TOKEN not in repr(made) + str(made)


def test_token_when_another_option_is_wrong_then_not_in_the_error() -> None:
    told = mistakes(
        CAMERA + f"[connect front]\ntoken: {TOKEN}\ntokn: {TOKEN}\ntoken: {TOKEN}\n"
        f"{TOKEN}\n  {TOKEN}"
    )
    assert TOKEN not in str(told)


def connect_file(file: Path) -> str:
    return CAMERA + f"[connect front]\ntoken_file: {file}"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644, 0o666])
@pytest.mark.parametrize("content", [TOKEN, f"{TOKEN}\n", f"  {TOKEN}\r\n\n"])
def test_token_file_when_it_holds_a_token_then_read_whoever_may_read_it(
    tmp_path: Path, mode: int, content: str
) -> None:
    file = tmp_path / "token"
    file.write_text(content, newline="")
    file.chmod(mode)
    made = loads(connect_file(file))
    assert made.connect[0].secret.reveal() == TOKEN
    assert made.connect[0].token_file == file


TOKEN_FILES = {
    "empty": b"",
    "short": TOKEN[:-1].encode(),
    "two tokens": f"{TOKEN}\n{TOKEN}\n".encode(),
    "binary": bytes(range(256)),
    "not UTF-8": b"\xff" * 20,
    "UTF-16": TOKEN.encode("utf-16"),
    "large": TOKEN.encode() * 100_000,
}


@pytest.mark.parametrize("content", TOKEN_FILES.values(), ids=TOKEN_FILES)
def test_token_file_when_unfit_then_told_without_its_content(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    (told,) = mistakes(connect_file(file))
    assert told.startswith(f"line 4, [connect front] token_file: {file}: ")
    assert TOKEN[:-1] not in told
    assert "codec" not in told
    assert len(told) < 400


def test_token_file_when_endless_then_not_read_for_ever() -> None:
    (told,) = mistakes(connect_file(Path("/dev/zero")))
    assert "token_file: /dev/zero: " in told


def test_token_file_when_absent_or_folder_then_told_why(tmp_path: Path) -> None:
    (told,) = mistakes(connect_file(tmp_path / "none"))
    assert "No such file" in told
    (told,) = mistakes(connect_file(tmp_path))
    assert "Is a directory" in told


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_files_when_not_readable_then_told_why(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(CAMERA)
    file.chmod(0)
    assert load_mistakes(file) == ["Permission denied"]
    (told,) = mistakes(connect_file(file))
    assert "Permission denied" in told


@pytest.mark.parametrize(
    "content",
    [
        CAMERA.encode(),
        b"\xef\xbb\xbf" + CAMERA.encode(),
        CAMERA.replace("\n", "\r\n").encode(),
        ("# Drucker, Düse 🖨\n" + CAMERA).encode(),
        CAMERA.encode() + b"#" * (200 << 10),
    ],
    ids=["plain", "byte order mark", "CRLF", "not ASCII", "200 kB"],
)
def test_file_when_written_by_any_editor_then_read(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "prusacam.conf"
    file.write_bytes(content)
    assert load(file).cameras[0].name == "front"


FILES = {
    "not UTF-8": (b"[camera a]\n\nsource: \xff", "line 3: is not UTF-8 text"),
    "UTF-16": (CAMERA.encode("utf-16"), "line 1: is not UTF-8 text"),
    "1 MB": (b"# " + b"x" * (1 << 20), "is larger than 262144 bytes"),
    "binary": (bytes(range(256)) * 4, "line "),
    "one byte": (b"[", "there is no [camera NAME]"),
}


@pytest.mark.parametrize(("content", "told"), FILES.values(), ids=FILES)
def test_file_when_no_text_of_fit_size_then_told(
    tmp_path: Path, content: bytes, told: str
) -> None:
    file = tmp_path / "prusacam.conf"
    file.write_bytes(content)
    assert load_mistakes(file)[0].startswith(told)


def test_file_when_absent_or_folder_or_socket_then_told_why(tmp_path: Path) -> None:
    assert load_mistakes(tmp_path / "none.conf") == ["No such file or directory"]
    assert load_mistakes(tmp_path) == ["Is a directory"]
    assert load_mistakes(tmp_path / ("x" * 300)) == ["File name too long"]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert load_mistakes(tmp_path / "s") == ["No such device or address"]


def test_file_when_endless_then_refused_at_once() -> None:
    assert load_mistakes(Path("/dev/zero")) == ["is larger than 262144 bytes"]


def test_errors_when_printed_then_one_text_with_file_and_count() -> None:
    with pytest.raises(ConfigErrors) as caught:
        loads("[camera]\n?", "my.conf")
    assert str(caught.value).startswith("my.conf: 2 mistakes: line 1, [camera]: has no")
    with pytest.raises(ConfigErrors, match=r"^my\.conf: 1 mistake: there is no"):
        loads("", "my.conf")


WORDS = st.sampled_from(
    [
        *("[", "]", ":", "=", "#", ";", "\n", "\r\n", "  ", "\t", "\0", "\ufeff", "%"),
        *("[engine]\n", "[camera front]\n", "[connect front]\n", "[timelapse]\n"),
        *("source: tcp://h:1\n", "token: ", TOKEN, "token_file: /\n", "port: ", "1"),
        *("server: http://", "data_path: ~", "host: ::", "camera: front\n", "nan"),
    ]
)


@given(st.one_of(st.text(), st.lists(WORDS | st.text(max_size=3)).map("".join)))
def test_loads_when_given_any_text_then_config_or_configerrors(text: str) -> None:
    try:
        made = loads(text)
    except ConfigErrors as errors:
        told = errors.errors
    else:
        told = ()
        assert made.cameras
    # A name of a section is repeated, even where somebody writes a token there.
    assert not any(TOKEN in error.message for error in told if not error.section)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_load_when_browsers_cannot_know_the_address_then_webcam_url_is_asked_for(
    host: str,
) -> None:
    text = f"""[engine]
host: {host}
port: 9090
[camera front]
source: tcp://127.0.0.1:9000
"""
    with pytest.raises(ConfigErrors) as caught:
        loads(text)
    (error,) = caught.value.errors
    assert (error.section, error.line) == ("camera front", 4)
    assert "webcam_url" in str(error)
    loads(text + "webcam_url: http://printer.local:9090/\n")
    loads(text.replace("9090", "8081"))
