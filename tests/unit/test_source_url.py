# Tests of source URLs.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken, what is refused and why, and that secrets are shown to nobody."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam import config
from moonraker_prusacam.camera_options import CameraConfig
from moonraker_prusacam.errors import ConfigErrors
from moonraker_prusacam.source_url import SCHEMES, source_url

SECRET = "s3cr3t"
CODE = "12345678"

SHOWN = {
    "tcp://127.0.0.1:9000": "tcp://127.0.0.1:9000",
    "TCP://[::1]:9000": "tcp://[::1]:9000",
    "exec:rpicam-vid": "exec:rpicam-vid",
    f"exec:ffmpeg -i rtsp://u:{SECRET}@h/ -f mjpeg -": "exec:ffmpeg ***",
    "http://h:8080/?action=stream": "http://h:8080/?***",
    f"http://user:{SECRET}@h/video": "http://***@h/video",
    f"https://user@h/video?token={SECRET}": "https://***@h/video?***",
    f"snapshot+http://h/shot.jpg?pw={SECRET}": "snapshot+http://h/shot.jpg?***",
    "snapshot+https://h/shot.jpg": "snapshot+https://h/shot.jpg",
    f"rtsp://user:{SECRET}%40x@h:554/stream1": "rtsp://***@h:554/stream1",
    "rtsps://h/live": "rtsps://h/live",
    "bambu://192.168.1.7?model=P1S": "bambu://192.168.1.7?model=P1S",
    "bambu://h/?model=a1+mini": "bambu://h/?model=a1+mini",
    "v4l2:/dev/v4l/by-id/usb-Cam-video-index0": (
        "v4l2:/dev/v4l/by-id/usb-Cam-video-index0"
    ),
    "test:": "test:",
}


@pytest.mark.parametrize(("written", "shown"), SHOWN.items())
def test_source_when_shown_then_without_what_is_secret(
    written: str, shown: str
) -> None:
    url = source_url(written)
    assert str(url) == shown
    assert repr(url) == f"SourceUrl({shown!r})"
    assert SECRET not in repr(CameraConfig("front", source=written))
    assert url == source_url(written)


def test_schemes_when_looked_at_then_all_are_shown_above() -> None:
    assert {source_url(written).scheme for written in SHOWN} == set(SCHEMES)


REFUSED = {
    "": "does not start with one of: tcp://, http://",
    "ftp://h/": "does not start with one of",
    "rtmp": "does not start with one of",
    "tcp:9000": "has no host: write tcp://HOST",
    "tcp://": "has no host",
    "tcp://h:0": "has a port that is not from 1 to 65535",
    "tcp://h:x": "has a port that is not",
    "tcp://h:1/path": "more than a host and a port",
    "tcp://h:1?x=1": "more than a host and a port",
    f"tcp://u:{SECRET}@h:1": "tcp:// takes no user and password",
    "http://h/a b": "has blanks in it; write %20",
    "http://h/\x00": "has blanks in it",
    f"rtsp://u:{SECRET}#x@h/": "has a '#' in it; write %23",
    f"rtsp://u:{SECRET}/x@h/": "has a port that is not from 1 to 65535; write %2F",
    "http://[::1/": "is not a URL",
    "exec:": "names no command",
    "exec:  ": "names no command",
    f"exec:run '{SECRET}": "a quote that is not closed",
    "v4l2:video0": "names no device",
    "test:x": "takes nothing after the colon",
    "bambu://h": "needs the printer's model",
    "bambu://h?model=P9": "has an unknown model; there is: A1, A1MINI",
    f"bambu://h?model=P1S&code={SECRET}": "needs the printer's model and nothing else",
    f"bambu://h?model=P1S&model={SECRET}": "needs the printer's model and nothing",
    "bambu://h:6000?model=P1S": "more than a host and ?model=",
    f"bambu://bblp:{CODE}@h?model=P1S": "bambu:// takes no user and password",
    "bambu://h?": "needs the printer's model",
    f"bambu://h?{SECRET}": "needs the printer's model",
}


@pytest.mark.parametrize(("written", "reason"), REFUSED.items())
def test_source_when_it_makes_no_sense_then_the_reason_repeats_nothing(
    written: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        source_url(written)
    assert SECRET not in str(caught.value)
    assert CODE not in str(caught.value)


@given(st.sampled_from(SCHEMES), st.text())
def test_source_when_anything_is_written_then_it_is_a_source_or_a_mistake(
    scheme: str, rest: str
) -> None:
    with suppress(ValueError):
        url = source_url(f"{scheme}:{rest}")
        assert str(url).startswith(f"{scheme}:")
        assert url.scheme == scheme


def test_parts_when_read_then_decoded() -> None:
    url = source_url(f"rtsp://us%40er:p%2F%23{SECRET}@cam.local:554/a?b=c")
    assert (url.host, url.port, url.place) == ("cam.local", 554, "cam.local:554")
    assert url.user == "us@er"
    assert url.password is not None
    assert url.password.reveal() == f"p/#{SECRET}"
    assert url.reveal() == "rtsp://cam.local:554/a?b=c"
    polled = source_url("snapshot+https://[fe80::1]/x")
    assert polled.reveal("https") == "https://[fe80::1]/x"
    assert (polled.host, polled.port, polled.user) == ("fe80::1", None, None)
    assert source_url("exec:a 'b c'\n  d").command == ["a", "b c", "d"]
    assert source_url("v4l2:/dev/video0").device == "/dev/video0"
    assert source_url("bambu://h?model=a1_mini").model == "A1MINI"
    assert source_url("bambu://h?model=A1%20mini").model == "A1MINI"


def made(section: str) -> CameraConfig:
    return config.loads(f"[camera front]\n{section}").cameras[0]


def mistakes(section: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        config.loads(f"[camera front]\n{section}")
    return [str(error) for error in caught.value.errors]


def test_credentials_when_configured_then_from_wherever_they_stand() -> None:
    for section, user in {
        f"source: rtsp://me:{SECRET}@h/": "me",
        f"source: rtsp://h/\nusername: me\npassword: {SECRET}": "me",
        f"source: http://h/\npassword: {SECRET}": "",
        f"source: bambu://h?model=P1S\naccess_code: {SECRET}": "bblp",
    }.items():
        camera = made(section)
        assert camera.credentials is not None
        assert camera.credentials.user == user
        assert camera.credentials.password.reveal() == SECRET
        assert SECRET not in repr(camera)
    assert made("source: http://h/").credentials is None
    camera = made("source: http://me@h/")
    assert camera.credentials is not None
    assert not camera.credentials.password


def test_secret_file_when_named_then_it_is_read(tmp_path: object) -> None:
    file = f"{tmp_path}/code"
    with open(file, "w", encoding="utf-8") as stream:  # noqa: PTH123
        stream.write(f" {SECRET}\n")
    camera = made(f"source: bambu://h?model=P1S\naccess_code_file: {file}")
    assert camera.access_code is not None
    assert camera.access_code.reveal() == SECRET
    camera = made(f"source: rtsp://h/\nusername: me\npassword_file: {file}")
    assert camera.credentials is not None
    assert camera.credentials.password.reveal() == SECRET
    (told,) = mistakes("source: rtsp://h/\npassword_file: /nowhere/x")
    assert "line 3, [camera front] password_file: /nowhere/x: No such file" in told
    (told,) = mistakes(f"source: rtsp://h/\npassword_file: {SECRET}")
    assert SECRET not in told


WRONG_TOGETHER = {
    "bambu without code": (
        "source: bambu://h?model=P1S",
        "line 1, [camera front]: needs 'access_code' or 'access_code_file'",
    ),
    "verified printer": (
        "source: bambu://h?model=P1S\naccess_code: 1\ncertificate: verify",
        "line 4, [camera front] certificate: a printer's certificate names no host",
    ),
    "code twice": (
        "source: bambu://h?model=P1S\naccess_code: 1\naccess_code_file: /dev/null",
        "access_code: needs either 'access_code' or 'access_code_file'",
    ),
    "code elsewhere": ("source: tcp://h\naccess_code: 1", "is for bambu:// only"),
    "user of tcp": ("source: tcp://h\nusername: me", "are for http and rtsp"),
    "user twice": ("source: rtsp://a:b@h/\nusername: c", "has a user in 'source' and"),
    "stale at once": (
        "source: snapshot+http://h/\ninterval: 30\nstale_after: 30",
        "line 4, [camera front] stale_after: is not more than the interval of 30 s",
    ),
    "controls": ("source: v4l2:/dev/v\ncontrols: focus", "is not of the form name=num"),
    "control twice": ("source: v4l2:/dev/v\ncontrols: a=1, a=2", "a is set twice"),
    "control name": ("source: v4l2:/dev/v\ncontrols: A-b=1", "is no name of a control"),
    "resolution": ("source: test:\nresolution: big", "is no resolution such as"),
    "tiny": ("source: test:\nresolution: 1x1", "is no resolution such as 1280x720"),
}


@pytest.mark.parametrize(
    ("section", "reason"), WRONG_TOGETHER.values(), ids=WRONG_TOGETHER
)
def test_options_when_they_do_not_go_together_then_it_is_told(
    section: str, reason: str
) -> None:
    assert any(reason in mistake for mistake in mistakes(section))


def test_options_when_of_a_source_then_parsed() -> None:
    camera = made(
        "source: v4l2:/dev/v\ncontrols:\n  a=1\n  b_c = -2\nresolution: 64x48"
    )
    assert camera.controls == (("a", 1), ("b_c", -2))
    assert camera.resolution == (64, 48)


@pytest.mark.parametrize(
    ("section", "stale_after_s"),
    [
        ("source: tcp://h", 5.0),
        ("source: tcp://h\ninterval: 60", 5.0),
        ("source: snapshot+http://h/", 5.0),
        ("source: snapshot+http://h/\ninterval: 60", 150.0),
        ("source: snapshot+http://h/\ninterval: 60\nstale_after: 61", 61.0),
    ],
)
def test_stale_after_when_pictures_are_rare_then_it_is_longer(
    section: str, stale_after_s: float
) -> None:
    assert made(section).stale_after_s == stale_after_s


@pytest.mark.parametrize(
    ("section", "pins"),
    [
        ("source: https://h/", False),
        ("source: rtsps://h/", True),
        ("source: bambu://h?model=X1\naccess_code: 1", True),
        ("source: https://h/\ncertificate: pin", True),
        ("source: rtsps://h/\ncertificate: verify", False),
    ],
)
def test_certificate_when_not_configured_then_by_the_kind_of_source(
    section: str, pins: bool
) -> None:
    assert made(section).pins_certificate is pins
