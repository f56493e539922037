# The calls that do not pass, and why.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every method of Moonraker 0.11.0 and Klipper 84104bb that is refused, by reason.

Nothing depends on a method standing here: what is not in ``methods`` is refused. This
is the record of what was looked at, so that a method of a later Moonraker fails a test
until somebody has decided about it, and the words that a viewer is told.

Who acts is told 403, which Fluidd shows, since that person has asked for something.
Settings that user interfaces store by themselves, and what is not shown, are methods
that do not exist here, which goes by quietly.
"""

from __future__ import annotations

from moonraker_prusacam.errors import CallRefused

from .message import METHOD_NOT_FOUND

FORBIDDEN = 403
PREFIX = "read-only gateway"
MAX_NAME = 80

ACTS = "it acts"
STORES = "it stores something"
ACCOUNTS = "accounts and keys"
TELLS = "it tells more than is needed to watch"
DELAYS = "it can delay the printer or its host"
FOREIGN = "it speaks for or with other programs"

REFUSED: dict[str, tuple[str, ...]] = {
    ACTS: (
        "printer.emergency_stop",
        "printer.restart",
        "printer.firmware_restart",
        "printer.gcode.script",
        "printer.gcode.restart",
        "printer.gcode.firmware_restart",
        "printer.pause_resume.pause",
        "printer.pause_resume.resume",
        "printer.pause_resume.cancel",
        "printer.print.start",
        "printer.print.pause",
        "printer.print.resume",
        "printer.print.cancel",
        "machine.reboot",
        "machine.shutdown",
        "machine.services.restart",
        "machine.services.start",
        "machine.services.stop",
        "machine.device_power.on",
        "machine.device_power.off",
        "machine.device_power.post_device",
        "machine.wled.on",
        "machine.wled.off",
        "machine.wled.toggle",
        "machine.wled.post_strip",
        "machine.td1.reboot",
        "machine.timelapse.render",
        "machine.timelapse.saveframes",
        "machine.update.client",
        "machine.update.full",
        "machine.update.klipper",
        "machine.update.moonraker",
        "machine.update.recover",
        "machine.update.refresh",
        "machine.update.rollback",
        "machine.update.system",
        "machine.update.upgrade",
        "server.restart",
        "server.logs.rollover",
        "server.job_queue.post_job",
        "server.job_queue.delete_job",
        "server.job_queue.pause",
        "server.job_queue.start",
        "server.job_queue.jump",
        "server.files.move",
        "server.files.copy",
        "server.files.zip",
        "server.files.delete_file",
        "server.files.post_directory",
        "server.files.delete_directory",
        "server.history.delete_job",
        "server.history.reset_totals",
        "server.database.post_backup",
        "server.database.delete_backup",
        "server.database.restore",
        "server.database.compact",
        "server.webcams.post_item",
        "server.webcams.delete_item",
        "server.spoolman.post_spool_id",
        "server.prusacam.camera.get_stop",
        "server.prusacam.camera.post_stop",
        "server.prusacam.connect.upload",
        "server.prusacam.timelapse.start",
        "server.prusacam.timelapse.frame",
        "server.prusacam.timelapse.render",
        "server.prusacam.timelapse.discard",
        "server.prusacam.timelapse.pin",
        "server.prusacam.timelapse.remove",
        "server.prusacam.timelapse.retime",
        "server.prusacam.timelapse.rerender",
        "server.prusacam.timelapse.expire",
        "server.prusacam.multicam.start",
        "server.prusacam.multicam.stop",
        "server.prusacam.multicam.collect",
        "server.prusacam.multicam.render",
        "server.prusacam.printer.register",
        "server.prusacam.printer.unregister",
        "server.prusacam.printer.ready",
        "server.prusacam.prusa_camera.snapshot",
        "server.prusacam.prusa_camera.move",
        "server.prusacam.prusa_camera.set",
        "server.prusacam.prusa_camera.reboot",
        "server.prusacam.prusa_camera.update_firmware",
        "server.prusacam.prusa_camera.timelapse.start",
        "server.prusacam.prusa_camera.timelapse.render",
        "server.prusacam.prusa_camera.timelapse.download",
    ),
    STORES: (
        "machine.timelapse.post_settings",
        "server.announcements.dismiss",
        "server.announcements.update",
        "server.announcements.post_feed",
        "server.announcements.delete_feed",
        "server.database.post_item",
        "server.database.delete_item",
        "debug.database.post_item",
        "debug.database.delete_item",
    ),
    ACCOUNTS: (
        "access.login",
        "access.logout",
        "access.refresh_jwt",
        "access.post_user",
        "access.delete_user",
        "access.user.password",
        "access.get_api_key",
        "access.post_api_key",
        "access.oneshot_token",
        "machine.sudo.info",
        "machine.sudo.password",
    ),
    TELLS: (
        "debug.database.list",
        "debug.database.get_item",
        "debug.database.table",
        "machine.peripherals.canbus",
        "machine.peripherals.serial",
        "machine.peripherals.usb",
        "machine.peripherals.video",
        "machine.td1.data",
        "machine.update.status",
        "server.extensions.list",
        "server.notifiers.list",
        "server.spoolman.get_spool_id",
        "server.spoolman.status",
        "server.analysis.status",
        "server.prusacam.status",
        "server.prusacam.connect",
        "server.prusacam.connect.status",
        "server.prusacam.camera.stream",
        "server.prusacam.timelapse.retention",
        # Where phones are in the network.
        "server.prusacam.multicam.status",
        "server.prusacam.multicam.devices",
        "server.prusacam.multicam.sessions",
        # Whoever knows the code can take the printer into an account of theirs.
        "server.prusacam.printer",
        "server.prusacam.prusa_camera.status",
        "server.prusacam.prusa_camera.timelapse.list",
    ),
    DELAYS: (
        # Klipper waits for the moves that it has planned before it looks.
        "printer.query_endstops.status",
        "printer.bed_mesh.dump_mesh",
        # Klipper would send all that its sensors and steppers do.
        "printer.adxl345.dump_adxl345",
        "printer.angle.dump_angle",
        "printer.bmi160.dump_bmi160",
        "printer.icm20948.dump_icm20948",
        "printer.ldc1612.dump_ldc1612",
        "printer.lis2dw.dump_lis2dw",
        "printer.load_cell.dump_force",
        "printer.load_cell_probe.dump_taps",
        "printer.motion_report.dump_stepper",
        "printer.motion_report.dump_trapq",
        "printer.mpu9250.dump_mpu9250",
        "printer.tmc.stallguard_dump",
        # Each asks all devices over the network, and any number of them.
        "machine.device_power.status",
        "machine.wled.status",
        "machine.wled.get_strip",
        # A program reads the whole file.
        "server.analysis.estimate",
        "server.analysis.process",
        "server.analysis.dump_config",
        "server.files.metascan",
        # Both test a camera, and wake one that is at rest.
        "server.webcams.test",
        "server.prusacam.camera.test",
        "server.prusacam.doctor",
    ),
    FOREIGN: (
        "connection.register_remote_method",
        "connection.send_event",
        "debug.notifiers.test",
        "server.extensions.request",
        "server.mqtt.publish",
        "server.mqtt.subscribe",
        "server.spoolman.proxy",
    ),
}
REASONS: dict[str, str] = {
    method: reason for reason, methods in REFUSED.items() for method in methods
}


def refusal(method: str) -> CallRefused:
    """What a viewer is told who has called ``method``."""
    reason = REASONS.get(method)
    if reason is None:
        name = method if len(method) <= MAX_NAME else f"{method[:MAX_NAME]}…"
        return CallRefused(METHOD_NOT_FOUND, f"{PREFIX}: no method {name!r}")
    code = FORBIDDEN if reason in (ACTS, DELAYS) else METHOD_NOT_FOUND
    return CallRefused(code, f"{PREFIX}: {method} is refused: {reason}")
