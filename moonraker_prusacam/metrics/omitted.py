# What of the status is no metric.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Named, with why, so that nothing is left out unnoticed; paths as in the table."""

from __future__ import annotations

NOT_METRICS = {
    **dict.fromkeys(("pid",), "a name, which is new with every start"),
    **dict.fromkeys(
        (
            "cameras.*.name",
            "cameras.*.streams.*.address",
            "cameras.*.streams.*.viewer",
            "connect.*.camera",
            "camera_roles.*.camera",
            "prusa_cameras.*.name",
            "prusa_cameras.*.jobs.*.camera",
            "prusa_cameras.*.last.camera",
            "timelapse.active.camera",
            "timelapse.active.track",
            "timelapse.last.camera",
            "timelapse.last.track",
        ),
        "a label",
    ),
    **dict.fromkeys(
        (
            *(f"cameras.*.{name}" for name in ("reason", "advice")),
            *(f"cameras.*.{name}_url" for name in ("stream", "snapshot")),
            *(
                f"timelapse.{which}.{name}"
                for which in ("active", "last")
                for name in ("id", "filename", "outcome", "video", "error")
            ),
            "timelapse.panel.lastframefile",
            *(
                f"connect.*.{name}"
                for name in (
                    *("server", "trigger_scheme", "chosen_in", "upload_when"),
                    *("error", "hint"),
                )
            ),
            *(
                f"camera_roles.*.{name}"
                for name in (
                    *("reason", "advice", "server"),
                    *("last_malformed", "last_refused"),
                )
            ),
            *(f"prusa_cameras.*.{name}" for name in ("reason", "advice")),
            *(f"printer.{name}" for name in ("reason", "advice")),
            *(
                f"prusa_cameras.*.{which}.{name}"
                for which in ("jobs.*", "last")
                for name in (
                    *("id", "filename", "job_name", "outcome", "video"),
                    *("reason", "advice", "warning"),
                )
            ),
            "prusa_cameras.*.jobs.*.url",
        ),
        "words for people",
    ),
}
"""Paths that are no metrics, and why."""
