# Tests of the gateway's tables.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is both allowed and refused, and the documentation shows what is true.

To write the page anew: ``prusacam gateway --table``, between the two marks.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from moonraker_prusacam.cli import main
from moonraker_prusacam.gateway.methods import METHODS, PATHS
from moonraker_prusacam.gateway.notices import DROPPED, NOTICES
from moonraker_prusacam.gateway.refusals import REASONS, REFUSED
from moonraker_prusacam.gateway.table import markdown

PAGE = Path(__file__).parents[2] / "docs" / "gateway.md"
MARKS = re.compile(r"<!-- table -->\n(.*)<!-- end of table -->", re.DOTALL)
# What a name that acts has in it, of Moonraker's and ours.
ACTING = re.compile(
    r"post_|delete|script|restart|reboot|shutdown|start|stop|pause|resume|cancel|move"
    r"|copy|zip|update|publish|render|upload|set|_on$|\.on|\.off|toggle|login|password"
    r"|token|api_key|restore|compact|backup|register|proxy|dismiss|scan|test|dump"
)
NOT_ACTING = {"machine.timelapse.get_settings"}


def test_tables_when_compared_then_nothing_is_in_two() -> None:
    assert METHODS.keys() & REASONS.keys() == set()
    assert NOTICES.keys() & DROPPED.keys() == set()
    assert len(REASONS) == sum(map(len, REFUSED.values()))


@pytest.mark.parametrize("name", METHODS)
def test_method_when_allowed_then_its_name_does_not_act(name: str) -> None:
    assert name in NOT_ACTING or not ACTING.search(name)


def test_paths_when_compared_with_methods_then_moonrakers_rule_makes_them() -> None:
    for path, name in PATHS.items():
        assert path[1:].replace("/", ".") == name.replace("get_", "", 1)


def test_page_when_compared_with_the_tables_then_the_same() -> None:
    shown = MARKS.search(PAGE.read_text())
    assert shown is not None
    assert shown[1].strip() == markdown()


def test_command_when_asked_for_the_table_then_shows_it_without_configuration() -> None:
    done = CliRunner().invoke(main, ["gateway", "--table"])
    assert done.exit_code == 0
    assert done.output.strip() == markdown()


def test_command_when_there_is_no_section_then_says_so(tmp_path: Path) -> None:
    config = tmp_path / "prusacam.conf"
    config.write_text("[camera a]\nsource: test:\n")
    done = CliRunner().invoke(main, ["gateway", "-c", str(config)])
    assert done.exit_code == 2
    assert "there is no [gateway] section" in done.output


def test_engine_when_there_is_a_gateway_only_then_says_so(tmp_path: Path) -> None:
    config = tmp_path / "prusacam.conf"
    config.write_text("[gateway]\n")
    done = CliRunner().invoke(main, ["run", "-c", str(config)])
    assert done.exit_code == 1
    assert "there is no [camera NAME] section" in done.output
    done = CliRunner().invoke(main, ["check", "-c", str(config)])
    assert done.exit_code == 0
