# Recordings by several devices as metrics.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the table for ``multicam``.

Devices are counted and never named: whoever is in the network can announce as many
names as he likes, and each would be a time series for ever.
"""

from __future__ import annotations

from moonraker_prusacam.multicam.controller.rendering.work import WorkState
from moonraker_prusacam.multicam.controller.session import Phase, TakeState
from moonraker_prusacam.multicam.protocol import DeviceStatus

from .row import Kind, Row, counter, gauge, under

SESSION = {
    "state": Row(
        Kind.STATE,
        "prusacam_multicam_sessions",
        "Recordings by several devices, by what is to come",
        states=tuple(Phase),
    ),
    "manual": gauge("prusacam_multicam_sessions_manual", "Those that no print ends"),
    "clock_synchronized": gauge(
        "prusacam_multicam_sessions_synchronized",
        "Those that were begun while this host's clock was set",
    ),
    "created": gauge(
        "prusacam_multicam_created_timestamp_seconds",
        "When the newest one was begun",
        largest=True,
    ),
    "target": gauge(
        "prusacam_multicam_target_timestamp_seconds",
        "The instant of the newest one",
        largest=True,
    ),
    "finished": gauge(
        "prusacam_multicam_finished_timestamp_seconds",
        "When its last video was there, or was given up",
        largest=True,
    ),
    "devices.*.state": Row(
        Kind.STATE,
        "prusacam_multicam_takes",
        "Devices' parts in them, by how far they are",
        states=tuple(TakeState),
    ),
    "devices.*.late_s": gauge(
        "prusacam_multicam_late_seconds",
        "How late a device was told to begin, at most",
        largest=True,
    ),
    "devices.*.received_bytes": gauge(
        "prusacam_multicam_received_bytes", "Of their videos, that are here"
    ),
    "devices.*.size_bytes": gauge(
        "prusacam_multicam_length_bytes", "Whole size of those videos"
    ),
    "devices.*.encoding.state": Row(
        Kind.STATE,
        "prusacam_multicam_encodings",
        "Videos of cameras of ours that become H.264",
        states=tuple(WorkState),
    ),
    "devices.*.encoding.progress": gauge(
        "prusacam_multicam_encodings_progress", "How far those are; 1: one whole video"
    ),
    "video.state": Row(
        Kind.STATE,
        "prusacam_multicam_renders",
        "Videos of all angles",
        states=tuple(WorkState),
    ),
    "video.progress": gauge(
        "prusacam_multicam_renders_progress", "How far those are; 1: one whole video"
    ),
}

CAMERA = {
    "state": Row(
        Kind.STATE,
        "prusacam_multicam_camera_state",
        "A camera of ours as a device, 1 for the state of now",
        states=(
            *("down", DeviceStatus.READY, DeviceStatus.SCHEDULED_RECORDING_ACCEPTED),
            *(DeviceStatus.RECORDING, DeviceStatus.STOPPING),
        ),
    ),
    "connections": gauge(
        "prusacam_multicam_camera_connections", "Controllers that are connected"
    ),
    "refused": counter(
        "prusacam_multicam_camera_refused",
        "Connections from outside of its networks, or beyond the most",
    ),
    "clock_synchronized": gauge(
        "prusacam_multicam_camera_synchronized",
        "1 when this host's clock is set, so it can begin at an instant",
    ),
    "pre_roll.frames": gauge(
        "prusacam_multicam_camera_preroll_frames", "Kept from before an order"
    ),
    "pre_roll.bytes": gauge(
        "prusacam_multicam_camera_preroll_bytes", "Memory that those take"
    ),
    "pre_roll.limit_bytes": gauge(
        "prusacam_multicam_camera_preroll_limit_bytes", "At most"
    ),
    "pre_roll.span_s": gauge(
        "prusacam_multicam_camera_preroll_seconds", "From the oldest to the newest"
    ),
    "recordings.files": gauge(
        "prusacam_multicam_camera_recordings", "Finished ones that are kept"
    ),
    "recordings.bytes": gauge(
        "prusacam_multicam_camera_recordings_bytes", "Disk that those take"
    ),
    "recording.target": gauge(
        "prusacam_multicam_camera_target_timestamp_seconds",
        "The instant of the recording under way",
    ),
    "recording.began": gauge(
        "prusacam_multicam_camera_began_timestamp_seconds", "When its first frame came"
    ),
    "recording.frames": gauge(
        "prusacam_multicam_camera_frames", "Frames of that recording"
    ),
    "recording.missed": gauge(
        "prusacam_multicam_camera_missed_frames",
        "That it lacks, because the disk was too slow",
    ),
}

MULTICAM = {
    "enabled": gauge("prusacam_multicam_enabled", "1 when we direct devices"),
    "record_prints": gauge(
        "prusacam_multicam_record_prints", "1 when each print is recorded"
    ),
    "discovery.enabled": gauge(
        "prusacam_multicam_discovery", "1 when announced devices are wanted"
    ),
    "discovery.listening": gauge(
        "prusacam_multicam_discovery_listening", "1 while announcements can be heard"
    ),
    "known.*": gauge("prusacam_multicam_devices", "Devices that are known"),
    "totals.videos": counter(
        "prusacam_multicam_videos", "Videos that were fetched from devices"
    ),
    "totals.missing": counter(
        "prusacam_multicam_missing_videos", "Videos that were given up"
    ),
    "totals.bytes": counter("prusacam_multicam_fetched_bytes", "Of those fetched"),
    **under("sessions.*", SESSION),
    **under("last", SESSION),
    **under("cameras.*", CAMERA),
}
