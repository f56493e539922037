# Tests of what is told of a child's stderr.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line that tells most, without secrets, and what helps."""

from __future__ import annotations

import pytest

from moonraker_prusacam.camera.complaint import (
    MOST_CHARACTERS,
    advice,
    complaint,
    ending,
)

RPICAM_BUSY = """\
[0:19:06.390293141] [2746]  INFO Camera camera_manager.cpp:293 libcamera v0.5.2+99
[0:19:06.419978] [2746] INFO Camera camera.cpp:1215 Pipeline handler in use by another \
process
ERROR: *** failed to acquire camera /base/soc/i2c0mux/i2c@1/imx708@1a ***
"""
RPICAM_NONE = """\
[0:00:41.100] [812]  INFO Camera camera_manager.cpp:326 libcamera v0.5.2+99-bfd68f78
ERROR: *** no cameras available ***
"""
GPHOTO_CLAIMED = """\
*** Error ***
An error occurred in the io-library ('Could not claim the USB device'): Could not claim
*** Error (-53: 'Could not claim the USB device') ***
"""
FFMPEG_BUSY = (
    "[video4linux2,v4l2 @ 0x55d] ioctl(VIDIOC_REQBUFS): Device or resource busy\n"
    "/dev/video0: Device or resource busy\n"
)


@pytest.mark.parametrize(
    ("stderr", "told", "helps"),
    [
        (RPICAM_BUSY, "INFO Camera camera.cpp:1215 Pipeline handler in use", "stop"),
        (RPICAM_NONE, "ERROR: *** no cameras available ***", "ribbon cable"),
        (GPHOTO_CLAIMED, "An error occurred in the io-library", "gvfs"),
        (FFMPEG_BUSY, "[video4linux2,v4l2 @ 0x55d] ioctl(VIDIOC", "stop crowsnest"),
        ("", "", ""),
        ("\n \n***\n", "", ""),
        ("Preview window unavailable\nbye now\n", "bye now", ""),
        ("\x1b[31mfatal error:\x1b[0m a\tb\x00\x07c", "fatal error: a bc", ""),
        ("feed: 3: cannot open x: Permission denied", "feed: 3: cannot", "usermod"),
        ("ERROR: *** unrecognised option '--codek' ***", "ERROR: ***", "--help"),
    ],
)
def test_complaint_when_a_program_is_known_then_line_and_advice_are_told(
    stderr: str, told: str, helps: str
) -> None:
    assert complaint(stderr).startswith(told)
    assert bool(complaint(stderr)) == bool(told)
    assert helps in advice(stderr)
    assert bool(advice(stderr)) == bool(helps)


def test_complaint_when_the_line_is_long_then_it_is_cut() -> None:
    told = complaint("error " + "x" * 5000)
    assert len(told) == MOST_CHARACTERS
    assert told.endswith("…")


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("rtsp://bed:hunter2@10.0.0.9/live?token=hunter2: Connection refused", []),
        ("rtsp://bed:hun/ter2@cam/live failed", ["rtsp://bed:hun/ter2@cam/live"]),
        ("wrong password hunter2, error", ["--password", "hunter2"]),
        ("wrong password hunter2, error", ["--password=hunter2"]),
        ("invalid login hunter2", ["-u", "bed:hunter2"]),
        ("invalid login hunter2", ["-i", "http://bed:hunter2@cam/"]),
        ("curl: (22) error for bed:hunter2", ["-c", "curl -u 'bed:hunter2' http://c"]),
        ("error at https://bed:a@hunter2@cam/", []),
    ],
)
def test_complaint_when_an_argument_is_repeated_then_no_secret_is_told(
    line: str, arguments: list[str]
) -> None:
    told = complaint(line, arguments)
    assert told
    assert "hunter2" not in told
    assert "ter2" not in told


def test_complaint_when_it_names_places_then_they_stay_readable() -> None:
    told = complaint(
        "rtsp://10.0.0.9/live: Connection refused", ["-rtsp_transport", "tcp"]
    )
    assert told == "rtsp://10.0.0.9/live: Connection refused"
    told = complaint("/dev/video0: No such file or directory", ["-i", "/dev/video0"])
    assert told == "/dev/video0: No such file or directory"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with status 0"),
        (255, "ended with status 255"),
        (-9, "was ended by SIGKILL"),
        (-63, "was ended by signal 63"),
        (None, "was given up"),
    ],
)
def test_ending_when_asked_then_it_is_in_words(code: int | None, words: str) -> None:
    assert ending(code) == words
