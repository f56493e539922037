# Tests of the type for secrets.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret shows itself to nobody who does not ask by name."""

from __future__ import annotations

import json
import logging
import traceback

import attrs
import pytest

from moonraker_prusacam.secret import Secret

TEXT = "hunter2-hunter2"


@attrs.frozen
class Holder:
    secret: Secret


def test_secret_when_revealed_then_the_text() -> None:
    assert Secret(TEXT).reveal() == TEXT


def test_secret_when_shown_in_any_way_then_masked() -> None:
    secret = Secret(TEXT)
    shown = [
        *(str(secret), repr(secret), f"{secret}", f"{secret!r:>30}", f"{secret!s:10}"),
        *("%s %r" % (secret, secret), "{0}".format(secret)),  # noqa: UP030, UP031, UP032
        *(repr([secret]), repr({"a": secret}), repr(Holder(secret))),
    ]
    assert TEXT not in " ".join(shown)


def test_secret_when_formatted_with_a_width_then_no_text() -> None:
    with pytest.raises(TypeError):
        format(Secret(TEXT), ">30")


def test_secret_when_logged_then_masked(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("it is %s, or %r", Secret(TEXT), Secret(TEXT))
    assert TEXT not in caplog.text


def test_secret_when_serialized_by_accident_then_refused() -> None:
    with pytest.raises(TypeError) as caught:
        json.dumps({"token": Secret(TEXT)})
    assert TEXT not in "".join(traceback.format_exception(caught.value))


def test_secret_when_compared_then_by_its_text_and_never_ordered() -> None:
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret("other")
    assert bool(Secret(TEXT)) is True
    assert bool(Secret("")) is False
    with pytest.raises(TypeError):
        sorted([Secret("b"), Secret("a")])  # type: ignore[type-var]
