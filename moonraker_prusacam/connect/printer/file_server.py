# What downloads need of Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server that a registered printer may get files from.

Who downloads asks for address and headers, and knows nothing of registration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarl import URL


class FileServer(Protocol):
    """Prusa Connect, as the printer of this host sees it."""

    @property
    def url(self) -> URL:
        """Scheme, host and port; the headers go to no other origin."""

    def headers(self) -> Mapping[str, str]:
        """Token, fingerprint and the like, for one request made now.

        Raises TokenRejected while the printer is not registered.
        """

    def redacted(self, text: str) -> str:
        """``text`` without what of the headers nobody may see."""
