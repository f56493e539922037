# Tests of what becomes of another uploader's settings.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two kinds of files as their authors' examples have them, and bad ones."""

from __future__ import annotations

import pytest

from moonraker_prusacam.connect.env_file import parse_env_file
from moonraker_prusacam.connect.takeover import Takeover, nearest_scheme, take_over
from moonraker_prusacam.connect.takeover_source import FFMPEG
from moonraker_prusacam.errors import ConfigError
from moonraker_prusacam.secret import Secret
from moonraker_prusacam.source_url import source_url

TOKEN = "aZ09_-aZ09_-aZ09_-aZ"
FINGERPRINT = "f68336b7-8dd3-488a-aeca-55ef5e4f5a70"
FEED = "tcp://127.0.0.1:9000"
RPICAM = (
    "rpicam-vid -t 0 -n --codec mjpeg --width 1280 --height 720 --framerate 15 -o -"
)
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


def source_of(made: Takeover) -> str | None:
    """What is written; what people are shown can be read back, and says no more."""
    if made.source is None:
        return None
    text = made.source.text.reveal()
    assert source_url(text).scheme
    assert made.source.is_masked == ("***" in made.source.shown)
    return text


def test_bridge_when_taken_over_then_its_camera_goes_on() -> None:
    made = taken(BRIDGE)
    assert made.token == Secret(TOKEN)
    assert made.fingerprint == Secret(FINGERPRINT)
    assert made.trigger_scheme == "TEN_SEC"
    assert made.server is None
    assert source_of(made) == FEED
    assert dict(made.left).keys() == {"JPEG_PATH"}
    assert any("8081" in step for step in made.steps)
    assert "old uploader" in made.steps[-1]


def test_script_when_taken_over_then_with_its_defaults() -> None:
    made = taken(SCRIPT)
    assert made.trigger_scheme == "TEN_SEC"
    assert source_of(made) == f"exec:{RPICAM}"


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


# As the examples of the script have them, and its documentation.
COMMANDS = [
    ("rpicam-still", "--immediate --mode 640:480 -o", "/dev/video0", f"exec:{RPICAM}"),
    ("rpicam-still", "-o", "/dev/video1", f"exec:{RPICAM} --camera 1"),
    ("libcamera-still", "", "", f"exec:{RPICAM.replace('rpicam', 'libcamera')}"),
    (
        *("raspistill", "--nopreview --mode 640:480 -o", "/dev/video0"),
        "exec:raspivid -t 0 -n -cd MJPEG -w 1280 -h 720 -fps 15 -o -",
    ),
    ("fswebcam", "--resolution 640x480", "/dev/video2", "v4l2:/dev/video2"),
    ("fswebcam", "-S 10", "/dev/v4l/by-id/usb-a", "v4l2:/dev/v4l/by-id/usb-a"),
    ("fswebcam", "", "", "v4l2:/dev/video0"),
    (
        *("ffmpeg", "-f v4l2 -y -i /dev/video4 -f image2 -vframes 1", "/dev/video0"),
        "v4l2:/dev/video4",
    ),
    (
        *("ffmpeg", "-y -rtsp_transport tcp -i 'rtsp://h:8554/cam' -vframes 1 ", ""),
        "rtsp://h:8554/cam",
    ),
    (
        *("ffmpeg", "-y -i 'http://h:8080/ipcam/mjpeg.cgi' -vframes 1 ", "/dev/null"),
        "http://h:8080/ipcam/mjpeg.cgi",
    ),
    (
        *("ffmpeg", "-y -i http://h/snap.JPG -vframes 1", "/dev/null"),
        "snapshot+http://h/snap.JPG",
    ),
    (
        *("ffmpeg", "-y -i 'http://h:8888/cam/index.m3u8' -f image2 ", "/dev/null"),
        f"exec:{FFMPEG.format('http://h:8888/cam/index.m3u8')}",
    ),
    (
        *("curl", "--max-time 5 'http://cam.local:8081/snap.jpg' -o ", "/dev/null"),
        "snapshot+http://cam.local:8081/snap.jpg",
    ),
    (
        *("curl", "-u 'me:p@ss w:rd' https://h/picture/1/current/ -o", "/dev/null"),
        "snapshot+https://me:p%40ss%20w%3Ard@h/picture/1/current/",
    ),
    ("wget", "-q http://h/a.jpg -O", "/dev/null", "snapshot+http://h/a.jpg"),
]


@pytest.mark.parametrize(("command", "parameters", "device", "source"), COMMANDS)
def test_script_when_its_camera_is_known_then_its_source(
    command: str, parameters: str, device: str, source: str
) -> None:
    made = taken(
        f"{SCRIPT}CAMERA_COMMAND={command}\nCAMERA_DEVICE={device}\n"
        f'CAMERA_COMMAND_EXTRA_PARAMS="{parameters}"\n'
    )
    assert source_of(made) == source
    assert dict(made.taken)["CAMERA_COMMAND"].startswith("source: ")
    has_number = source.startswith("v4l2:/dev/video")
    assert any("by-id" in step for step in made.steps) == has_number


@pytest.mark.parametrize(
    ("command", "parameters", "words"),
    [
        ("mycam", "--output", "takes one picture and ends"),
        ("curl", "-o", "takes one picture and ends"),
        ("ffmpeg", "-i /srv/film.mp4", "takes one picture and ends"),
        ("curl", "http://h/a#b", "has a '#' in it"),
        ("curl", "http://h:0/", "has a port"),
        ("fswebcam", "", "names no device"),
    ],
)
def test_script_when_its_camera_is_unknown_then_told_why(
    command: str, parameters: str, words: str
) -> None:
    made = taken(
        f"{SCRIPT}CAMERA_COMMAND={command}\nCAMERA_DEVICE=nowhere\n"
        f"CAMERA_COMMAND_EXTRA_PARAMS='{parameters}'\n"
    )
    assert made.source is None
    assert words in dict(made.left)["CAMERA_COMMAND"]


SECRET = "hunter2"
WITH_FFMPEG = "CAMERA_COMMAND=ffmpeg\nCAMERA_COMMAND_EXTRA_PARAMS="


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        (f"SNAP_URL=http://me:{SECRET}@h/a.jpg", "snapshot+http://***@h/a.jpg"),
        (f"SNAP_URL='http://h/?pwd={SECRET}'", "snapshot+http://h/?***"),
        (f"MJPEG_URL=http://me:{SECRET}@h:81/stream", "http://***@h:81/stream"),
        (
            f"{WITH_FFMPEG.replace('ffmpeg', 'curl')}'-u me:{SECRET} http://h/'",
            "snapshot+http://***@h/",
        ),
        (f"{WITH_FFMPEG}'-i rtsp://me:{SECRET}@h/cam'", "rtsp://***@h/cam"),
        (f"{WITH_FFMPEG}'-i http://h/a.m3u8?key={SECRET}'", None),
        (f"MJPEG_URL=http://me:{SECRET}@h:0/", None),
    ],
)
def test_source_when_it_holds_a_secret_then_it_is_written_and_never_shown(
    setting: str, shown: str | None
) -> None:
    made = taken(f"{SCRIPT}{setting}\n")
    assert SECRET not in str(made)
    if shown is None:
        assert made.source is None
        return
    assert made.source is not None
    assert made.source.shown == shown
    assert SECRET in (source_of(made) or "")
    assert any("prusacam.conf: username and password_file" in s for s in made.steps)


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("tcp://10.0.0.7:9000", "tcp://10.0.0.7:9000"),
        ("http://localhost:8081/snapshot.jpg", FEED),
        (
            "http://10.0.0.7:8081/snapshot.jpg",
            "snapshot+http://10.0.0.7:8081/snapshot.jpg",
        ),
        (
            "http://127.0.0.1:8080/?action=snapshot",
            "snapshot+http://127.0.0.1:8080/?action=snapshot",
        ),
        ("https://h/api/frame.jpeg?src=a", "snapshot+https://h/api/frame.jpeg?src=a"),
        ("rtsp://h/stream1", "rtsp://h/stream1"),
        ("http://127.0.0.1:x/", None),
        ("http://[", None),
        ("nonsense", None),
    ],
)
def test_address_when_given_then_a_source_where_there_is_one(
    address: str, source: str | None
) -> None:
    content = f"PC_TOKEN={TOKEN}\nPC_FINGERPRINT={FINGERPRINT}\nSNAP_URL={address}\n"
    made = taken(content)
    assert source_of(made) == source
    assert made.source is None or made.source.shown == source


@pytest.mark.parametrize(
    ("uploaded", "stream", "source"),
    [
        # The stream of the camera that was uploaded is better than its pictures.
        ("http://h:80/a.jpg", "http://h:80/b", "http://h:80/b"),
        # What MJPEG_URL says otherwise is what the example said: it was never read.
        (
            "http://10.0.0.7/a.jpg",
            "http://127.0.0.1:8081/stream.mjpg",
            "snapshot+http://10.0.0.7/a.jpg",
        ),
        ("http://h/a.jpg", "tcp://h:9000", "tcp://h:9000"),
        ("nonsense", "http://h/stream", "http://h/stream"),
        ("http://127.0.0.1:8081/snapshot.jpg", "http://h/stream", FEED),
    ],
)
def test_addresses_when_there_are_two_then_the_better_one_of_what_was_uploaded(
    uploaded: str, stream: str, source: str
) -> None:
    made = taken(
        f"PC_TOKEN={TOKEN}\nPC_FINGERPRINT={FINGERPRINT}\nSNAP_URL={uploaded}\n"
        f"MJPEG_URL={stream}\n"
    )
    assert source_of(made) == source


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
