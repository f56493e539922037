# Tests of what becomes of another uploader's settings.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two kinds of files as their authors' examples have them, and bad ones."""

from __future__ import annotations

import pytest

from moonraker_prusacam.connect.env_file import parse_env_file
from moonraker_prusacam.connect.takeover import Takeover, nearest_scheme, take_over
from moonraker_prusacam.errors import ConfigError
from moonraker_prusacam.secret import Secret

TOKEN = "aZ09_-aZ09_-aZ09_-aZ"
FINGERPRINT = "f68336b7-8dd3-488a-aeca-55ef5e4f5a70"
FEED = "tcp://127.0.0.1:9000"
BRIDGE = f"""\
PC_TOKEN={TOKEN}
PC_FINGERPRINT={FINGERPRINT}
MJPEG_URL=http://127.0.0.1:8081/stream.mjpg
INTERVAL_SECONDS=10
JPEG_PATH=/run/prusa-connect/latest.jpg
SNAP_URL=http://127.0.0.1:8081/snapshot.jpg
"""
SCRIPT = f"""\
PRINTER_ADDRESS=
PRUSA_CONNECT_CAMERA_TOKEN={TOKEN}
PRUSA_CONNECT_CAMERA_FINGERPRINT={FINGERPRINT}
"""


def taken(content: str) -> Takeover:
    made = take_over(parse_env_file(content))
    told = str((made.taken, made.left, made.steps))
    assert TOKEN not in told
    assert FINGERPRINT not in told
    # Each setting is told, once.
    names = [name for name, _ in (*made.taken, *made.left)]
    assert sorted(names) == sorted(set(names))
    assert set(parse_env_file(content).settings) <= set(names)
    return made


def test_bridge_when_taken_over_then_its_camera_goes_on() -> None:
    made = taken(BRIDGE)
    assert made.token == Secret(TOKEN)
    assert made.fingerprint == Secret(FINGERPRINT)
    assert made.trigger_scheme == "TEN_SEC"
    assert made.server is None
    assert made.source == FEED
    assert dict(made.left).keys() == {"JPEG_PATH"}
    assert any("8081" in step for step in made.steps)
    assert "old uploader" in made.steps[-1]


def test_script_when_taken_over_then_with_its_defaults() -> None:
    made = taken(SCRIPT)
    assert made.trigger_scheme == "TEN_SEC"
    assert made.source == FEED
    assert any("rpicam-vid" in step for step in made.steps)


def test_script_when_it_says_more_then_taken_over_or_told() -> None:
    made = taken(
        SCRIPT
        + "PRUSA_CONNECT_CAMERA_NAME='in the back'\nSLEEP=60\nTARGET_DIR=/dev/shm\n"
        "PRUSA_CONNECT_URL=https://webcam.connect.prusa3d.com/c/snapshot\n"
        "CURL_EXTRA_PARAMS=\"-k\"\nCAMERA_SETUP_COMMAND='v4l2-ctl -c x=$Y'\n"
        "MINE=1\nnonsense\n"
    )
    assert made.name == "in the back"
    assert made.trigger_scheme == "SIXTY_SEC"
    assert made.server == "https://webcam.connect.prusa3d.com"
    left = dict(made.left)
    assert left.keys() == {
        *("PRINTER_ADDRESS", "TARGET_DIR", "CURL_EXTRA_PARAMS"),
        *("CAMERA_SETUP_COMMAND", "MINE", "line 11"),
    }
    assert left["MINE"] == "not known here"


COMMANDS = [
    (
        "ffmpeg",
        "\"-y -i 'rtsp://host:8554/cam' -vframes 1 \"",
        "/dev/null",
        "ffmpeg -i 'rtsp://host:8554/cam'",
    ),
    (
        "curl",
        "\"--max-time 5 'http://cam.local:8081/snap.jpg' -o \"",
        "/dev/null",
        "-i 'http://cam.local:8081/snap.jpg'",
    ),
    (
        "fswebcam",
        "--resolution 640x480 --no-banner",
        "/dev/video2",
        "ffmpeg -f v4l2 -i '/dev/video2'",
    ),
    (
        "ffmpeg",
        "'-i rtsp://user:hunter2@host/cam'",
        "/dev/null",
        "-i 'ADDRESS'",
    ),
]


@pytest.mark.parametrize(("command", "parameters", "device", "step"), COMMANDS)
def test_script_when_its_source_comes_later_then_told_what_helps_until_then(
    command: str, parameters: str, device: str, step: str
) -> None:
    made = taken(
        f"{SCRIPT}CAMERA_COMMAND={command}\nCAMERA_DEVICE={device}\n"
        f"CAMERA_COMMAND_EXTRA_PARAMS={parameters}\n"
    )
    assert made.source is None
    assert "comes later" in dict(made.left)["CAMERA_COMMAND"]
    assert any(step in told for told in made.steps)
    assert "hunter2" not in str(made.steps)


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("tcp://10.0.0.7:9000", "tcp://10.0.0.7:9000"),
        ("http://localhost:8081/snapshot.jpg", FEED),
        ("http://10.0.0.7:8081/snapshot.jpg", None),
        ("http://127.0.0.1:8080/?action=snapshot", None),
        ("http://127.0.0.1:x/", None),
        ("http://[", None),
        ("nonsense", None),
    ],
)
def test_address_when_given_then_a_source_where_there_is_one(
    address: str, source: str | None
) -> None:
    content = f"PC_TOKEN={TOKEN}\nPC_FINGERPRINT={FINGERPRINT}\nSNAP_URL={address}\n"
    assert taken(content).source == source


@pytest.mark.parametrize(
    ("interval", "scheme"),
    [
        ("10", "TEN_SEC"),
        ("1", "TEN_SEC"),
        ("0.5", "TEN_SEC"),
        ("15", "TEN_SEC"),
        ("20", "THIRTY_SEC"),
        ("30s", "THIRTY_SEC"),
        ("45", "SIXTY_SEC"),
        ("120", "SIXTY_SEC"),
        ("300", "TEN_MIN"),
        ("86400", "TEN_MIN"),
        ("0", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("often", None),
    ],
)
def test_interval_when_given_then_the_nearest_scheme(
    interval: str, scheme: str | None
) -> None:
    content = BRIDGE.replace("SECONDS=10", f"SECONDS={interval}")
    assert taken(content).trigger_scheme == scheme


def test_nearest_scheme_when_exact_then_that_one() -> None:
    assert nearest_scheme(600.0) == "TEN_MIN"


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("https://connect.prusa3d.com/c/snapshot", None),
        ("https://proxy.local:8443/c/snapshot/", "https://proxy.local:8443"),
        ("http://proxy.local", "http://proxy.local"),
        ("ftp://proxy.local/c/snapshot", None),
        ("https://u:hunter2@proxy.local/c/snapshot", None),
        ("nonsense", None),
    ],
)
def test_server_when_given_then_without_its_path(
    address: str, server: str | None
) -> None:
    made = taken(f"{SCRIPT}PRUSA_CONNECT_URL={address}\n")
    assert made.server == server
    assert "hunter2" not in str((made.taken, made.left))


BAD = [
    ("", "no token"),
    (f"PC_TOKEN={TOKEN}\n", "no fingerprint"),
    (f"PC_FINGERPRINT={FINGERPRINT}\n", "no token"),
    (BRIDGE.replace(TOKEN, TOKEN[:-1]), "has 20 characters"),
    (BRIDGE.replace(TOKEN, TOKEN[:-1] + "!"), "no token of Prusa Connect has"),
    (BRIDGE.replace(TOKEN, "PUT_YOUR_TOKEN_HERE"), "that of the example"),
    (BRIDGE.replace(TOKEN, "$(cat token)"), "no token"),
    (SCRIPT.replace(TOKEN, "token-change-me"), "that of the example"),
    (SCRIPT.replace(FINGERPRINT, "fingerprint-change-me"), "that of the example"),
    (SCRIPT.replace(FINGERPRINT, "unset"), "that of the example"),
    (BRIDGE.replace(FINGERPRINT, "x" * 15), "16 to 64"),
    (BRIDGE.replace(FINGERPRINT, "x" * 65), "16 to 64"),
    (BRIDGE.replace(FINGERPRINT, f"'{'x' * 20} x'"), "16 to 64"),
    (BRIDGE.replace(FINGERPRINT, "é" * 20), "16 to 64"),
]


@pytest.mark.parametrize(("content", "text"), BAD)
def test_settings_when_they_identify_nobody_then_config_error_without_secrets(
    content: str, text: str
) -> None:
    with pytest.raises(ConfigError, match=text) as caught:
        take_over(parse_env_file(content))
    assert TOKEN[:10] not in str(caught.value)
    assert FINGERPRINT not in str(caught.value)


@pytest.mark.parametrize("length", [16, 40, 41, 64])
def test_fingerprint_when_it_works_today_then_taken_over(length: int) -> None:
    made = taken(BRIDGE.replace(FINGERPRINT, "x" * length))
    assert made.fingerprint == Secret("x" * length)
