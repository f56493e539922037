# Tests of the command that makes viewing tokens.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The token alone is on standard output; the key stays where it is."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from moonraker_prusacam.cli import main
from moonraker_prusacam.errors import AccessDenied
from moonraker_prusacam.viewing_tokens import ViewingTokens
from tests.support.command_line import RunningEngine, configure, prusacam

if TYPE_CHECKING:
    from pathlib import Path

ACCESS = "[access]\nrequire_token: True\n"
SECOND = "[camera bed cam]\nsource: tcp://127.0.0.1:9\n"


def call(folder: Path, *arguments: str, more: str = ACCESS + SECOND) -> Result:
    file = str(configure(folder, more=more))
    done = CliRunner().invoke(main, ["token", *arguments, "-c", file])
    if isinstance(done.exception, Exception):
        raise done.exception
    return done


def tokens(folder: Path) -> ViewingTokens:
    loaded = ViewingTokens(folder / "prusacam")
    loaded.load()
    return loaded


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("1m", 60), ("90m", 5400), ("12H", 43200), ("7d", 604800), ("520w", 314496000)],
)
def test_token_when_made_then_good_for_that_camera_and_time(
    tmp_path: Path, duration: str, seconds: int
) -> None:
    done = call(tmp_path, "bed cam", "--for", duration)
    assert done.exit_code == 0
    token = done.stdout.strip()
    assert done.stdout == f"{token}\n"
    assert seconds - 30 < tokens(tmp_path).check(token, "bed cam") <= seconds
    assert done.stderr.startswith("For camera 'bed cam', until 20")
    assert token not in done.stderr


def test_token_when_for_all_then_good_for_everything(tmp_path: Path) -> None:
    done = call(tmp_path, "--all")
    assert 604700 < tokens(tmp_path).check(done.stdout.strip(), None) <= 604800
    assert done.stderr.startswith("For all cameras, until 20")


def test_token_when_its_address_is_wanted_then_the_whole_url(tmp_path: Path) -> None:
    more = f"{ACCESS}{SECOND}webcam_url: http://printer.example.org/cams/\n"
    url = call(tmp_path, "bed cam", "--url", more=more).stdout.strip()
    base, _, token = url.partition("?token=")
    assert base == "http://printer.example.org/cams/cameras/bed%20cam/stream"
    assert tokens(tmp_path).check(token, "bed cam") > 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name a camera (front, bed cam), or --all, not both"),
        (["front", "--all"], "not both"),
        (["side"], "no camera 'side'; there is: front, bed cam"),
        (["front", "--for", "7y"], "is not a time such as 90m, 12h, 7d or 2w"),
        (["front", "--for", "30s"], "is not a time such as"),
        (["front", "--for", "0d"], "is not a time such as"),
        (["front", "--for", "9999999w"], "is not a time such as"),
        (["front", "--for", "-1d"], "is not a time such as"),
        (["--revoke", "front"], "--revoke is for all tokens"),
        (["--revoke", "--all"], "--revoke is for all tokens"),
    ],
)
def test_token_when_asked_wrongly_then_told_and_nothing_is_made(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    done = call(tmp_path, *arguments)
    assert done.exit_code == 2
    assert told in " ".join(done.stderr.split())
    assert done.stdout == ""
    assert not (tmp_path / "prusacam").exists()


def test_token_when_nobody_needs_it_then_told(tmp_path: Path) -> None:
    done = call(tmp_path, "front", more="")
    assert done.exit_code == 0
    assert "Nobody needs it yet" in done.stderr


def test_revocation_when_no_engine_runs_then_all_tokens_are_void(
    tmp_path: Path,
) -> None:
    token = call(tmp_path, "front").stdout.strip()
    done = call(tmp_path, "--revoke")
    assert done.exit_code == 0
    assert "All viewing tokens are void." in done.stdout
    assert "No engine answered" in done.stdout
    with pytest.raises(AccessDenied):
        tokens(tmp_path).check(token, "front")


def test_key_when_damaged_then_told_what_helps_and_revocation_does(
    tmp_path: Path,
) -> None:
    call(tmp_path, "front")
    key = tmp_path / "prusacam" / "access" / "viewing.key"
    key.write_text("nonsense")
    done = call(tmp_path, "front")
    assert done.exit_code == 1
    assert "is damaged: 'prusacam token --revoke'" in done.stderr
    assert call(tmp_path, "--revoke").exit_code == 0
    assert call(tmp_path, "front").exit_code == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_tokens_when_an_engine_runs_then_it_takes_and_revokes_them(
    tmp_path: Path,
) -> None:
    file = configure(tmp_path, more=ACCESS)
    engine = RunningEngine(tmp_path, file, {})
    try:
        engine.wait_for("camera(s) on http://")
        made = prusacam(tmp_path, "token", "front", "-c", file)
        token = made.stdout.decode().strip()
        revoked = prusacam(tmp_path, "token", "--revoke", "-c", file)
        assert revoked.stdout == b"All viewing tokens are void.\n"
        engine.wait_for("All viewing tokens were revoked")
    finally:
        engine.stop()
    assert token not in engine.log
    with pytest.raises(AccessDenied):
        tokens(tmp_path).check(token, "front")
