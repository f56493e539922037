# A Dockerfile, read.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages and their steps, as dockerfile-parse reads them."""

from __future__ import annotations

import io
import json
import re
import shlex
from pathlib import Path
from typing import cast

import attrs
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "container"
DOCKERFILE = FOLDER / "Dockerfile"
IGNORED = FOLDER / "Dockerfile.dockerignore"
HEALTH_COMMAND = re.compile(r"\bCMD\s+(\[.*\])", re.DOTALL)


@attrs.frozen
class Stage:
    """``FROM base AS name``, and what follows as instructions and their values."""

    name: str
    base: str
    steps: tuple[tuple[str, str], ...]

    def last(self, instruction: str) -> str:
        """The value that holds; KeyError where there is none."""
        return dict(self.steps)[instruction]

    def command(self) -> list[str]:
        """What the container runs."""
        return [*self.words("ENTRYPOINT"), *self.words("CMD")]

    def words(self, instruction: str) -> list[str]:
        """The words of an instruction in the form of a list."""
        return [str(word) for word in json.loads(self.last(instruction))]

    def health_command(self) -> list[str]:
        """What tells whether the container works."""
        found = HEALTH_COMMAND.search(self.last("HEALTHCHECK"))
        assert found is not None
        return [str(word) for word in json.loads(found[1])]


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile, in their order."""
    # It wants bytes, whatever its types say.
    file = cast("io.StringIO", io.BytesIO(text.encode()))
    parser = DockerfileParser(fileobj=file)
    found: list[tuple[str, str, list[tuple[str, str]]]] = []
    for part in parser.structure:
        instruction, value = part["instruction"], part["value"]
        if instruction == "FROM":
            base, *name = re.split(r"\s+AS\s+", value, flags=re.IGNORECASE)
            found.append((name[0] if name else "", base, []))
        elif instruction != "COMMENT":
            found[-1][2].append((instruction, value))
    return [Stage(name, base, tuple(steps)) for name, base, steps in found]


def variables(value: str) -> dict[str, str]:
    """The variables of an ENV."""
    return dict(word.split("=", 1) for word in shlex.split(value))


def context() -> list[str]:
    """What of the project's folder is sent to the build: all that is not ignored."""
    lines = IGNORED.read_text().splitlines()
    return [line[1:] for line in lines if line.startswith("!")]
