# Writes the parts of docs/ that the code describes.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.reference``: make the tables of docs/ new."""

from __future__ import annotations

from .pages import REPOSITORY, stale


def main() -> None:
    """Write each page that is stale, and name it."""
    pages = stale()
    for path, content in pages.items():
        path.write_text(content)
        print(path.relative_to(REPOSITORY))
    if not pages:
        print("All pages say what the code says.")


main()
