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
            "multicam.cameras.*.camera",
        ),
        "a label",
    ),
    **dict.fromkeys(
        (
            *(f"multicam.devices.*.{name}" for name in ("name", "address", "origin")),
            *(
                f"multicam.{which}.devices.*.{name}"
                for which in ("sessions.*", "last")
                for name in ("name", "address", "device_id", "dialect", "offset_s")
            ),
        ),
        "of one device, whose name anybody in the network can choose",
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
            "multicam.discovery.problem",
            *(
                f"multicam.{which}.{name}"
                for which in ("sessions.*", "last")
                for name in (
                    *("id", "filename", "outcome", "sidecar", "warning"),
                    *(f"devices.*.{told}" for told in ("video", "reason", "warning")),
                    *(f"video.{told}" for told in ("video", "reason")),
                    *(f"devices.*.encoding.{told}" for told in ("video", "reason")),
                )
            ),
            *(
                f"multicam.cameras.*.{name}"
                for name in ("device_id", "host", "port", "problem", "announced_at.*")
            ),
        ),
        "words for people",
    ),
}
"""Paths that are no metrics, and why."""
