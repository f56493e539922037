# Tests of the camera token.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of good and bad tokens; no error shows one."""

from __future__ import annotations

import pytest

from moonraker_prusacam.config import token

TOKEN = "aB3_-6789012345678xY"


@pytest.mark.parametrize("text", [TOKEN, f"  {TOKEN}\n", f"\t{TOKEN} \r\n"])
def test_token_when_valid_then_trimmed_and_masked(text: str) -> None:
    secret = token(text)
    assert secret.reveal() == TOKEN
    assert TOKEN not in f"{secret} {secret!r}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        TOKEN[:-1],
        TOKEN + "x",
        TOKEN[:10] + " " + TOKEN[11:],
        TOKEN[:10] + "\n" + TOKEN[11:],
        TOKEN[:10] + "\x00" + TOKEN[11:],
        TOKEN[:10] + "+" + TOKEN[11:],
        TOKEN[:10] + "/" + TOKEN[11:],
        TOKEN[:10] + "é" + TOKEN[11:],
        TOKEN[:10] + "\u0661" + TOKEN[11:],
        f'"{TOKEN}"',
        f"{TOKEN} {TOKEN}",
        "x" * 100_000,
    ],
)
def test_token_when_invalid_then_the_error_does_not_show_it(text: str) -> None:
    with pytest.raises(ValueError, match="token") as caught:
        token(text)
    message = str(caught.value)
    assert len(message) < 200
    assert TOKEN[:8] not in message
    assert TOKEN[11:] not in message
    assert "token" in message
