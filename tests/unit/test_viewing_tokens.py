# Tests of viewing tokens, their key and their clock.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Only what the key has signed is good, until it expires, whatever the clock does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam import onward_clock
from moonraker_prusacam.errors import AccessDenied, ConfigError
from moonraker_prusacam.onward_clock import OnwardClock
from moonraker_prusacam.viewing_tokens import DAY_S, ViewingTokens

if TYPE_CHECKING:
    from pathlib import Path

HOUR_S = 3600.0
NOW_S = 1_800_000_000.0


class Times:
    """What ``time`` tells: the host's clock, and the one that never leaps."""

    def __init__(self, wall_s: float = NOW_S) -> None:
        self.wall_s = wall_s
        self.monotonic_s = 100.0

    def time(self) -> float:
        return self.wall_s

    def monotonic(self) -> float:
        return self.monotonic_s

    def passes(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    times = Times()
    monkeypatch.setattr(onward_clock, "time", times)
    return times


def loaded(folder: Path) -> ViewingTokens:
    tokens = ViewingTokens(folder)
    tokens.load()
    return tokens


def refusal(tokens: ViewingTokens, token: str | None, camera: str | None) -> str:
    with pytest.raises(AccessDenied) as caught:
        tokens.check(token, camera)
    assert caught.value.http_status == 401
    return str(caught.value)


def signed(folder: Path, content: bytes) -> str:
    """A token with ``content``, signed by the rules in the module's docstring."""
    key = bytes.fromhex((folder / "access" / "viewing.key").read_text())
    first = base64.urlsafe_b64encode(content).rstrip(b"=")
    mac = hmac.new(key, b"prusacam viewing token 1\n" + first, hashlib.sha256).digest()
    return (first + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


# Tokens


def test_token_when_for_one_camera_then_good_for_that_one(tmp_path: Path) -> None:
    tokens = loaded(tmp_path)
    token = tokens.issue("bed cam.2", HOUR_S)
    assert HOUR_S - 60 < tokens.check(token, "bed cam.2") <= HOUR_S
    assert "for one camera" in refusal(tokens, token, "bed")
    assert "for one camera" in refusal(tokens, token, None)
    assert re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}", token)


def test_token_when_for_all_cameras_then_good_for_everything(tmp_path: Path) -> None:
    tokens = loaded(tmp_path)
    token = tokens.issue(None, HOUR_S)
    for camera in (None, "bed", "front"):
        assert tokens.check(token, camera) > 0


def test_token_when_made_by_another_program_then_the_format_is_as_documented(
    tmp_path: Path, times: Times
) -> None:
    tokens = loaded(tmp_path)
    expires_s = int(NOW_S + HOUR_S)
    made = signed(tmp_path, f"1 {expires_s} bed".encode())
    assert made == tokens.issue("bed", HOUR_S)
    assert tokens.check(made, "bed") == HOUR_S
    assert "not one of" in refusal(tokens, signed(tmp_path, b"2 9999999999 "), None)


@pytest.mark.parametrize("token", [None, "", ".", "a.b", "x" * 5000, "ü.ü", "a", "..."])
def test_token_when_none_of_ours_then_refused_without_an_echo(
    tmp_path: Path, token: str | None
) -> None:
    told = refusal(loaded(tmp_path), token, "bed")
    assert ("a viewing token is needed" in told) == (token is None)
    assert not token or len(token) < 3 or token not in told


@given(position=st.integers(0, 200), character=st.sampled_from("Aa0_-.=\n "))
def test_token_when_one_character_is_another_then_refused(
    tmp_path_factory: pytest.TempPathFactory, position: int, character: str
) -> None:
    tokens = loaded(tmp_path_factory.getbasetemp())
    token = tokens.issue("bed", HOUR_S)
    changed = token[: position % len(token)] + character
    changed += token[position % len(token) + 1 :]
    if changed != token:
        assert "not one of" in refusal(tokens, changed, "bed")


def test_token_when_of_another_host_then_refused(tmp_path: Path) -> None:
    theirs = loaded(tmp_path / "theirs").issue(None, HOUR_S)
    assert "not one of" in refusal(loaded(tmp_path / "ours"), theirs, "bed")


def test_token_when_it_has_expired_then_told_since_when(
    tmp_path: Path, times: Times
) -> None:
    tokens = loaded(tmp_path)
    token = tokens.issue("bed", HOUR_S)
    times.passes(HOUR_S - 1)
    assert tokens.check(token, "bed") == 1
    times.passes(1)
    assert refusal(tokens, token, "bed") == (
        "the token expired at 2027-01-15 09:00 UTC; ask for a new one"
    )


def test_token_when_revoked_then_void_and_a_new_one_is_good(tmp_path: Path) -> None:
    tokens = loaded(tmp_path)
    token = tokens.issue("bed", HOUR_S)
    tokens.revoke()
    assert "was revoked" in refusal(tokens, token, "bed")
    assert "was revoked" in refusal(loaded(tmp_path), token, "bed")
    assert loaded(tmp_path).check(tokens.issue("bed", HOUR_S), "bed") > 0


def test_shared_token_when_a_day_is_over_then_another_while_the_last_is_good(
    tmp_path: Path, times: Times
) -> None:
    tokens = loaded(tmp_path)
    first = tokens.shared("bed")
    times.passes(DAY_S - NOW_S % DAY_S - 1)
    assert tokens.shared("bed") == loaded(tmp_path).shared("bed") == first
    times.passes(1)
    assert tokens.shared("bed") != first
    assert tokens.check(first, "bed") == DAY_S
    times.passes(DAY_S)
    assert "expired" in refusal(tokens, first, "bed")


# The key


def test_key_when_first_used_then_made_for_its_owner_alone(tmp_path: Path) -> None:
    tokens = loaded(tmp_path / "prusacam")
    token = tokens.issue(None, HOUR_S)
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(tokens.path.parent.stat().st_mode) == 0o700
    assert len(bytes.fromhex(tokens.path.read_text())) == 32
    assert list(tokens.path.parent.iterdir()) == [tokens.path]
    assert loaded(tmp_path / "prusacam").check(token, None) > 0


def test_key_when_made_by_many_at_once_then_they_all_have_the_same(
    tmp_path: Path,
) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(loaded, [tmp_path] * 8))
    assert len({tokens.shared("bed") for tokens in made}) == 1


def test_key_when_others_could_read_it_then_told_and_mended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = loaded(tmp_path)
    tokens.path.chmod(0o644)
    loaded(tmp_path)
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    (record,) = caplog.records
    assert "could be read by other users" in record.getMessage()
    assert tokens.path.read_text().strip() not in caplog.text


@pytest.mark.parametrize("content", ["", "00", "zz" * 32, "00" * 33, "\x00" * 64])
def test_key_when_damaged_then_nobody_is_let_in_until_it_is_made_anew(
    tmp_path: Path, content: str
) -> None:
    tokens = loaded(tmp_path)
    token = tokens.issue("bed", HOUR_S)
    tokens.path.write_text(content)
    damaged = ViewingTokens(tmp_path)
    with pytest.raises(ConfigError, match="is damaged: 'prusacam token --revoke'"):
        damaged.load()
    assert "not one of" in refusal(damaged, token, "bed")
    damaged.revoke()
    assert loaded(tmp_path).check(damaged.issue("bed", HOUR_S), "bed") > 0


def test_key_when_its_folder_is_a_file_then_told_where(tmp_path: Path) -> None:
    (tmp_path / "access").write_text("")
    with pytest.raises(ConfigError, match=r"viewing\.key cannot be used: "):
        ViewingTokens(tmp_path).load()
    with pytest.raises(ConfigError, match=r"viewing\.key cannot be used: "):
        ViewingTokens(tmp_path).revoke()


# The clock


def test_clock_when_the_host_boots_into_the_past_then_what_expired_stays_so(
    tmp_path: Path, times: Times
) -> None:
    tokens = loaded(tmp_path)
    token = tokens.issue("bed", HOUR_S)
    times.passes(2 * HOUR_S)
    tokens.clock.keep()
    times.wall_s, times.monotonic_s = 0.0, 5.0  # 1970, as without a network
    booted = loaded(tmp_path)
    assert "expired" in refusal(booted, token, "bed")
    made = booted.issue("bed", HOUR_S)
    assert booted.check(made, "bed") == HOUR_S
    times.passes(HOUR_S)
    assert "expired" in refusal(booted, made, "bed")


def test_clock_when_it_leaps_ahead_then_tokens_expire_as_it_says(
    tmp_path: Path, times: Times
) -> None:
    times.wall_s = 1000.0  # before the network is there
    tokens = loaded(tmp_path)
    token = tokens.issue("bed", HOUR_S)
    assert tokens.check(token, "bed") == HOUR_S
    times.wall_s = NOW_S
    assert "expired" in refusal(tokens, token, "bed")
    assert tokens.check(tokens.issue("bed", HOUR_S), "bed") == HOUR_S


def test_clock_when_it_was_wrong_by_years_then_new_tokens_are_good_and_expire(
    tmp_path: Path, times: Times
) -> None:
    times.wall_s = NOW_S + 1e9
    tokens = loaded(tmp_path)
    tokens.clock.keep()
    times.wall_s = NOW_S
    mended = loaded(tmp_path)
    made = mended.issue("bed", HOUR_S)
    assert mended.check(made, "bed") == HOUR_S
    times.passes(HOUR_S)
    assert "expired" in refusal(mended, made, "bed")
    mended.revoke()
    assert mended.clock.now_s == times.wall_s


@pytest.mark.parametrize("content", ["", "x", "nan", "-1", "1e300", "\x00" * 100])
def test_clock_when_its_file_is_damaged_then_the_host_is_believed(
    tmp_path: Path, content: str, times: Times
) -> None:
    clock = OnwardClock(tmp_path / "clock")
    clock.path.write_text(content)
    clock.load()
    assert clock.now_s == NOW_S
    clock.keep()
    assert float(clock.path.read_text()) == NOW_S
    assert stat.S_IMODE(clock.path.stat().st_mode) == 0o600


def test_tokens_when_used_then_nothing_of_them_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = loaded(tmp_path)
    token = tokens.issue("bed", HOUR_S)
    refusal(tokens, token, "front")
    tokens.revoke()
    refusal(tokens, token, "bed")
    assert not caplog.records
    assert time.time() < tokens.clock.now_s + 60
