# Tests of what commands say of themselves.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command, argument and option is explained, and shells complete them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from moonraker_prusacam.cli import main
from moonraker_prusacam.cli_completion import SHELLS, VARIABLE
from tests.reference.commands import commands

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = {context.command_path: (context, command) for context, command in commands()}
GROUPS = sorted(
    {
        context.parent.command_path
        for context, _ in COMMANDS.values()
        if context.parent is not None
    }
)
TIMEOUT_S = 20.0

# What a shell asks for, and what has to be among its answers.
COMPLETIONS = [
    ("prusacam time", "timelapse"),
    ("prusacam timelapse re", "rerender"),
    ("prusacam doctor --", "--dry-run"),
    ("prusacam completion ", "fish"),
    ("prusacam prusa-camera timelapse do", "download"),
]


@pytest.mark.parametrize("path", COMMANDS)
def test_command_when_asked_for_help_then_all_of_it_is_explained(path: str) -> None:
    _, command = COMMANDS[path]
    told = command.help or ""
    assert told.strip(), "a sentence that says what it does"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.opts[-1]} has no help"
        elif isinstance(parameter, click.Argument):
            name = (parameter.metavar or (parameter.name or "").upper()).split("|")[0]
            assert name in told, f"{name} is not explained"


@pytest.mark.parametrize("path", [*COMMANDS, *GROUPS])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_when_asked_of_any_command_then_status_0(path: str, option: str) -> None:
    result = CliRunner().invoke(main, [*path.split()[1:], option])
    assert result.exit_code == 0
    assert result.output.startswith("Usage: ")
    assert "Options:" in result.output


@pytest.mark.parametrize("path", [path for path in GROUPS if " " in path])
def test_group_when_no_command_is_named_then_it_tells_which_there_are(
    path: str,
) -> None:
    result = CliRunner().invoke(main, path.split()[1:])
    assert result.exit_code == 2
    assert "Commands:" in result.output


def test_command_when_it_does_not_exist_then_status_2_and_one_hint() -> None:
    result = CliRunner().invoke(main, ["snapshoot"])
    assert result.exit_code == 2
    assert "No such command 'snapshoot'" in result.output


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_when_printed_then_the_shell_takes_it(
    shell: str, tmp_path: Path
) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} here")
    script = tmp_path / "completion"
    script.write_text(result.output)
    subprocess.run([program, "-n", str(script)], check=True, timeout=TIMEOUT_S)


@pytest.mark.parametrize(("line", "expected"), COMPLETIONS)
def test_bash_when_it_completes_a_line_then_it_knows_what_comes_next(
    line: str, expected: str, tmp_path: Path
) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    program = tmp_path / "python" / "prusacam"
    program.parent.mkdir()
    program.write_text("from moonraker_prusacam.cli import main\nmain()\n")
    command = tmp_path / "prusacam"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}" "$@"\n')
    command.chmod(0o700)
    script = tmp_path / "completion"
    script.write_text(CliRunner().invoke(main, ["completion", "bash"]).output)
    words = line.split(" ")
    # As bash itself calls it when the tabulator key is pressed.
    asked = f"""
    source '{script}'
    function=$(complete -p prusacam | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    COMP_WORDS=({" ".join(f"'{word}'" for word in words)}) COMP_CWORD={len(words) - 1}
    $function prusacam
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [bash, "--norc", "-c", asked],
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
        env=environment,
    )
    assert expected in done.stdout.split(), done.stderr
    assert VARIABLE in script.read_text()
