# What Moonraker offers, as Moonraker itself names it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists methods and notifications of an installed Moonraker, run in its interpreter.

Many components register their methods only where they are configured, with devices
that no test has. So the calls that register are read from the source, and Moonraker's
own rule makes the names of them. What cannot be read is told as ``unreadable``. Prints
JSON. As a component of a running Moonraker, it lists what is registered.
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

REGISTERING = ("register_endpoint", "register_debug_endpoint")


def names_in(file: Path) -> dict[str, str]:
    """The constants of a module that are texts."""
    found = {}
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and isinstance(node.value.value, str):
                    found[target.id] = node.value.value
    return found


def text_of(node: ast.expr, constants: dict[str, str]) -> str | None:
    """The text that an argument stands for, if it can be read."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return constants.get(node.id) if isinstance(node, ast.Name) else None


def read(root: Path) -> dict[str, list[str]]:
    """Methods and notifications that the package at ``root`` registers."""
    from moonraker.common import APIDefinition, RequestType, TransportType

    scope = {"RequestType": RequestType, "TransportType": TransportType}
    methods: set[str] = set()
    notifications: set[str] = set()
    unreadable: list[str] = []
    for file in sorted(root.rglob("*.py")):
        constants = names_in(file)
        for node in ast.walk(ast.parse(file.read_text())):
            if not (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            ):
                continue
            name = node.func.attr
            place = f"{file.relative_to(root)}: {name}"
            if name in REGISTERING:
                path = text_of(node.args[0], constants)
                if path is None:
                    unreadable.append(place)
                    continue
                types: Any = eval(ast.unparse(node.args[1]), scope)
                given = [
                    item.value for item in node.keywords if item.arg == "transports"
                ] or node.args[3:4]
                try:
                    transports = eval(ast.unparse(given[0]), scope)
                except (IndexError, NameError):
                    transports = TransportType.all()
                if transports == TransportType.HTTP:
                    continue
                made = APIDefinition.create(path, types, None, transports)
                APIDefinition.reset_cache()
                methods.update(method for _, method in made.rpc_items())
            elif name == "register_notification":
                event = text_of(node.args[0], constants)
                if event is None:
                    unreadable.append(place)
                    continue
                told = [text_of(argument, constants) for argument in node.args[1:2]]
                notifications.add(f"notify_{told[0] if told else event.split(':')[-1]}")
            elif name == "notify_clients":
                told_directly = text_of(node.args[0], constants)
                if told_directly is None:
                    unreadable.append(place)
                else:
                    notifications.add(f"notify_{told_directly}")
    return {
        "methods": sorted(methods),
        "notifications": sorted(notifications),
        "unreadable": unreadable,
    }


def load_component(config: Any) -> object:
    """Moonraker's entry: register a method that lists all methods."""
    from moonraker.common import RequestType

    server = config.get_server()

    async def registered(_: object) -> dict[str, list[str]]:
        return {"methods": sorted(server.lookup_component("jsonrpc").methods)}

    server.register_endpoint("/server/probe/methods", RequestType.GET, registered)
    return object()


if __name__ == "__main__":
    import moonraker

    json.dump(read(Path(str(moonraker.__file__)).parent), sys.stdout)
