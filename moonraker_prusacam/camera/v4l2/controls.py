# A camera's controls, by the names that people know them by.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the controls that the configuration names; sets them in an order that works.

Nothing here is worth a picture: what cannot be set is told, and the rest is set.

Names are those of ``v4l2-ctl -L``. Linux 5.16 gave most controls of USB cameras new
ones, so a configuration from before or from a guide may have either; what a control is
called makes no difference while it is the same control.
"""

from __future__ import annotations

import difflib
import os
import re
from ctypes import pointer
from typing import TYPE_CHECKING, Any

import attrs
from linuxpy.video import raw

from .device import CallFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .device import Device

_ID = raw.ControlID
_KIND = raw.CtrlType
_FLAG = raw.ControlFlag

# What uvcvideo called its controls until Linux 5.16, and calls them since; what else
# some drivers call them. Source: uvc_ctrl.c and v4l2-ctrls-defs.c of Linux.
_SPELLINGS: dict[int, tuple[str, ...]] = {
    _ID.EXPOSURE_AUTO: ("auto_exposure", "exposure_auto"),
    _ID.EXPOSURE_ABSOLUTE: ("exposure_time_absolute", "exposure_absolute"),
    _ID.EXPOSURE_AUTO_PRIORITY: (
        "exposure_dynamic_framerate",
        "exposure_auto_priority",
    ),
    _ID.AUTO_WHITE_BALANCE: (
        "white_balance_automatic",
        "white_balance_temperature_auto",
        "white_balance_component_auto",
    ),
    _ID.RED_BALANCE: ("red_balance", "white_balance_red_component"),
    _ID.BLUE_BALANCE: ("blue_balance", "white_balance_blue_component"),
    _ID.FOCUS_AUTO: ("focus_automatic_continuous", "focus_auto"),
    _ID.HUE_AUTO: ("hue_automatic", "hue_auto"),
    _ID.AUTOGAIN: ("gain_automatic", "autogain"),
    _ID.AUTOBRIGHTNESS: ("brightness_automatic", "autobrightness"),
}
# Which control has another one in its hands, unless it has this value.
_RULERS: dict[int, tuple[int, int]] = {
    _ID.EXPOSURE_ABSOLUTE: (_ID.EXPOSURE_AUTO, 1),
    _ID.IRIS_ABSOLUTE: (_ID.EXPOSURE_AUTO, 1),
    _ID.WHITE_BALANCE_TEMPERATURE: (_ID.AUTO_WHITE_BALANCE, 0),
    _ID.RED_BALANCE: (_ID.AUTO_WHITE_BALANCE, 0),
    _ID.BLUE_BALANCE: (_ID.AUTO_WHITE_BALANCE, 0),
    _ID.FOCUS_ABSOLUTE: (_ID.FOCUS_AUTO, 0),
    _ID.HUE: (_ID.HUE_AUTO, 0),
    _ID.GAIN: (_ID.AUTOGAIN, 0),
    _ID.BRIGHTNESS: (_ID.AUTOBRIGHTNESS, 0),
}
_RULING = frozenset(ruler for ruler, _ in _RULERS.values())
_NEXT = _FLAG.NEXT_CTRL | _FLAG.NEXT_COMPOUND
_NUMBERS = frozenset({_KIND.INTEGER, _KIND.INTEGER64, _KIND.BITMASK})
_MENUS = frozenset({_KIND.MENU, _KIND.INTEGER_MENU})
MOST_CONTROLS = 512
MOST_ITEMS = 64


@attrs.frozen
class Control:
    """One control as the driver tells of it; ``items`` are a menu's, with numbers."""

    id: int
    kind: int
    title: str
    least: int
    most: int
    flags: int
    items: tuple[tuple[int, str], ...] = ()

    @property
    def name(self) -> str:
        """What v4l2-ctl calls it."""
        return "_".join(re.findall(r"[a-z0-9]+", self.title.lower()))

    @property
    def names(self) -> frozenset[str]:
        """All that it may be called."""
        return frozenset((self.name, *_SPELLINGS.get(self.id, ())))

    @property
    def is_ruling(self) -> bool:
        """Whether it may make others' values without effect."""
        return self.id in _RULING

    def objection(self, value: int) -> str | None:
        """Why it cannot have that value, to follow ``name=value``; None: it can."""
        if self.flags & (_FLAG.READ_ONLY | _FLAG.DISABLED):
            return "can only be read"
        if self.kind == _KIND.BUTTON:
            return None
        if self.kind == _KIND.BOOLEAN:
            return None if value in (0, 1) else "is on (1) or off (0)"
        if self.kind in _MENUS:
            if value in dict(self.items):
                return None
            return f"is one of {', '.join(f'{n} ({text})' for n, text in self.items)}"
        if self.kind not in _NUMBERS or self.flags & _FLAG.HAS_PAYLOAD:
            return "is no number"
        if not self.least <= value <= self.most:
            return f"is from {self.least} to {self.most}"
        return None


def read_controls(device: Device) -> list[Control]:
    """All controls of a camera; raises CallFailed when it is gone."""
    query = raw.v4l2_query_ext_ctrl(id=_NEXT)
    controls: list[Control] = []
    for _ in range(MOST_CONTROLS):
        if not _query(device, query):
            break
        if query.type != _KIND.CTRL_CLASS:
            controls.append(_control(device, query))
        query.id |= _NEXT
    return controls


def set_controls(device: Device, wanted: Sequence[tuple[str, int]]) -> list[str]:
    """Set what can be set; what could not, in words. Raises CallFailed: it is gone."""
    if not wanted:
        return []  # to read them all may take a camera a while
    values, complaints = resolve(read_controls(device), wanted)
    # A control obeys once what rules it has been told to let go.
    for control, value in sorted(values, key=lambda pair: not pair[0].is_ruling):
        complaint = _set(device, control, value)
        if complaint is not None:
            complaints.append(f"{control.name}={value}: {complaint}")
    return complaints


def resolve(
    controls: Sequence[Control], wanted: Iterable[tuple[str, int]]
) -> tuple[list[tuple[Control, int]], list[str]]:
    """Controls with values that they can have; and what is wrong with the others."""
    by_name = {name: control for control in controls for name in control.names}
    values: dict[int, tuple[Control, int]] = {}
    complaints = []
    for name, value in wanted:
        control = by_name.get(name)
        if control is None:
            complaints.append(_unknown(name, controls))
        elif control.id in values:
            complaints.append(f"{name}={value}: {control.name} is set already")
        elif objection := control.objection(value):
            complaints.append(f"{control.name}={value}: it {objection}")
        else:
            values[control.id] = control, value
    return list(values.values()), complaints


def _unknown(name: str, controls: Sequence[Control]) -> str:
    known = {name: control.name for control in controls for name in control.names}
    near = [known[one] for one in difflib.get_close_matches(name, sorted(known), n=1)]
    there = ", ".join(control.name for control in controls) or "none"
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"there is no {name}{hint}, but {there}"


def _query(device: Device, query: Any) -> bool:
    """Ask for a control; whether there is one."""
    try:
        device.request(raw.IOC.QUERY_EXT_CTRL, query)
    except CallFailed as error:
        if error.is_gone:
            raise
        return False
    return True


def _control(device: Device, query: Any) -> Control:
    items = _items(device, query) if query.type in _MENUS else ()
    return Control(
        id=query.id,
        kind=query.type,
        title=query.name.decode(errors="replace"),
        least=query.minimum,
        most=query.maximum,
        flags=query.flags,
        items=items,
    )


def _items(device: Device, query: Any) -> tuple[tuple[int, str], ...]:
    """A menu's items; there may be gaps between them."""
    items = []
    last = min(query.maximum, query.minimum + MOST_ITEMS)
    for index in range(query.minimum, last + 1):
        item = raw.v4l2_querymenu(id=query.id, index=index)
        try:
            device.request(raw.IOC.QUERYMENU, item)
        except CallFailed as error:
            if error.is_gone:
                raise
            continue
        is_text = query.type == _KIND.MENU
        meaning = item.name.decode(errors="replace") if is_text else str(item.value)
        items.append((index, meaning))
    return tuple(items)


def _set(device: Device, control: Control, value: int) -> str | None:
    """Set one control; why that did not do what was meant, or None."""
    now = raw.v4l2_query_ext_ctrl(id=control.id)
    if _query(device, now) and now.flags & _FLAG.INACTIVE:
        return _ruled(device, control)
    is_wide = control.kind == _KIND.INTEGER64
    setting = raw.v4l2_ext_control(id=control.id)
    setattr(setting, "value64" if is_wide else "value", value)
    try:
        device.request(
            raw.IOC.S_EXT_CTRLS,
            raw.v4l2_ext_controls(count=1, controls=pointer(setting)),
        )
    except CallFailed as error:
        if error.is_gone:
            raise
        return f"the camera refuses it ({os.strerror(error.errno)})"
    taken = setting.value64 if is_wide else setting.value
    if taken != value and control.kind != _KIND.BUTTON:
        return f"the camera made {taken} of it"
    return None


def _ruled(device: Device, control: Control) -> str:
    """What to do about a control that another one rules."""
    ruler_id, free = _RULERS.get(control.id, (0, 0))
    ruler = raw.v4l2_query_ext_ctrl(id=ruler_id)
    if not ruler_id or not _query(device, ruler):
        return "it has no effect while another control is automatic"
    name = _control(device, ruler).name
    return f"it has no effect unless {name}={free} is set"
