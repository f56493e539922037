# Tests of the doctor's endpoint: what it reads of callers and of the engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters by HTTP and JSON-RPC; findings that are none."""

from __future__ import annotations

from typing import Any

import pytest

from moonraker_prusacam.component.doctor import doctor_params, findings_of

FINE = {"name": "camera", "state": "ok", "found": "live"}


@pytest.mark.parametrize(
    ("arguments", "dry_run"),
    [
        ({}, False),
        ({"dry_run": True}, True),
        ({"dry_run": False}, False),
        ({"dry_run": "true"}, True),
        ({"dry_run": " YES "}, True),
        ({"dry_run": 1}, True),
        ({"dry_run": "0"}, False),
        ({"dry_run": ""}, False),
    ],
)
def test_params_when_given_then_read_as_web_and_socket_send_them(
    arguments: dict[str, Any], dry_run: bool
) -> None:
    assert doctor_params(arguments) == {"dry_run": dry_run}


@pytest.mark.parametrize(
    "arguments",
    [
        {"dry_run": "maybe"},
        {"dry_run": 2},
        {"dry_run": None},
        {"dry_run": ["true"]},
        {"dry_run": {"true": 1}},
        {"ui_url": "http://somewhere/"},
        {"x" * 5000: 1},
    ],
)
def test_params_when_wrong_then_value_error(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="dry_run") as caught:
        doctor_params(arguments)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"findings": [FINE]}, [FINE]),
        ({"findings": [3, None, [], {}, {"state": None}, FINE]}, [FINE]),
        ({"findings": {}}, []),
        ({}, []),
        ([FINE], []),
        (None, []),
    ],
)
def test_findings_when_the_engine_answers_oddly_then_what_is_one(
    answer: object, found: list[dict[str, Any]]
) -> None:
    assert findings_of(answer) == found
