# The words of our code.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts that stand in the source, so that a page can be held against them.

The source is read, not run: what is filled in at run time is ``…``. Docstrings are no
texts, since nobody is told them.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

ANYTHING = "…"
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# What str.format and logging fill in.
FIELD = re.compile(r"\{\w*\}|%[.\d]*[sdgf]")


@attrs.frozen
class Words:
    """A text, and where it stands."""

    text: str
    file: Path
    line: int


def read_words(files: Iterable[Path]) -> Iterator[Words]:
    """Every literal text of ``files``."""
    for file in files:
        tree = ast.parse(file.read_text())
        passed = {id(node) for node in _silent(tree)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.expr) or id(node) in passed:
                continue
            if text := _text(node):
                yield Words(FIELD.sub(ANYTHING, text), file, node.lineno)


def _silent(tree: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, and the parts of texts that are read as a whole."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield from node.values


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else ANYTHING
            for part in node.values
        )
    return ""
