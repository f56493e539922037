# Endpoints of the API.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests by method name, remote methods, and the endpoints every Klippy has.

Each request runs by itself: one that waits for the G-code mutex holds up no other.
Source: Klipper docs/API_Server.md and klippy/webhooks.py.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from .gcode import CommandError
from .objects import SOFTWARE_VERSION

if TYPE_CHECKING:
    from .printer import Printer
    from .server import ClientConnection

log = logging.getLogger(__name__)

Result = Mapping[str, Any] | None


@attrs.frozen(eq=False)
class WebRequest:
    """One request of a client; without an id it gets no answer."""

    connection: ClientConnection
    request_id: Any
    method: str
    params: dict[str, Any]

    @classmethod
    def parse(cls, connection: ClientConnection, message: bytes) -> WebRequest:
        """Read a message; ValueError if it is no request."""
        try:
            data = json.loads(message)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        match data:
            case {"method": str(method), "params": dict(params)}:
                pass
            case {"method": str(method)} if "params" not in data:
                params = {}
            case _:
                raise ValueError("no method, or params that are no object")
        return cls(connection, data.get("id"), method, params)

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter; CommandError if absent without a default."""
        if name not in self.params and default is None:
            raise CommandError(f"Missing Argument [{name}]")
        return self.params.get(name, default)

    def get_str(self, name: str) -> str:
        """A parameter that is a string."""
        value = self.get(name)
        if not isinstance(value, str):
            raise CommandError(f"Invalid Argument Type [{name}]")
        return value

    def get_dict(
        self, name: str, default: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """A parameter that is an object."""
        value = self.get(name, default)
        if not isinstance(value, dict):
            raise CommandError(f"Invalid Argument Type [{name}]")
        return value


Endpoint = Callable[[WebRequest], Result | Awaitable[Result]]


class WebHooks:
    """Printer object ``webhooks``."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._gcode = printer.gcode
        self._remote_methods: dict[str, dict[ClientConnection, dict[str, Any]]] = {}
        self._consoles: dict[ClientConnection, dict[str, Any]] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self.register("list_endpoints", self._list_endpoints)
        self.register("info", self._info)
        self.register("emergency_stop", self._emergency_stop)
        self.register("register_remote_method", self._register_remote_method)
        self.register("gcode/help", lambda _request: dict(self._gcode.help))
        self.register("gcode/script", self._run_script)
        self.register_script("gcode/restart", "RESTART")
        self.register_script("gcode/firmware_restart", "FIRMWARE_RESTART")
        self.register("gcode/subscribe_output", self._subscribe_output)
        self._gcode.output_callbacks.append(self._send_output)

    def register(self, path: str, endpoint: Endpoint) -> None:
        """Add an endpoint."""
        self._endpoints[path] = endpoint

    def register_script(self, path: str, script: str) -> None:
        """Add an endpoint that runs a G-code script."""

        async def run(_request: WebRequest) -> None:
            await self._gcode.run_script(script)

        self.register(path, run)

    def handle(self, request: WebRequest) -> None:
        """Answer ``request`` when it is done."""
        self._printer.tasks.start(request.method[:40], self._answer(request))

    async def _answer(self, request: WebRequest) -> None:
        request.connection.finish(request, await self._call(request))

    async def _call(self, request: WebRequest) -> dict[str, Any]:
        try:
            endpoint = self._endpoints.get(request.method)
            if endpoint is None:
                raise CommandError(
                    f"webhooks: No registered callback for path '{request.method}'"
                )
            result = endpoint(request)
            if isinstance(result, Awaitable):
                result = await result
        except CommandError as error:
            return _error(str(error))
        except Exception as error:
            message = f"Internal Error on WebRequest: {request.method}"
            log.exception(message)
            self._printer.invoke_shutdown(message)
            return _error(str(error))
        return {"result": {} if result is None else result}

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        return {
            "state": self._printer.state,
            "state_message": self._printer.state_message,
        }

    def call_remote_method(self, method: str, params: dict[str, Any]) -> None:
        """Notify every client that registered ``method``; CommandError if none did."""
        templates = self._remote_methods.get(method)
        if templates is None:
            raise CommandError(f"Remote method '{method}' not registered")
        for connection in [c for c in templates if c.is_closed]:
            del templates[connection]
        if not templates:
            del self._remote_methods[method]
            raise CommandError(f"No active connections for method '{method}'")
        for connection, template in templates.items():
            connection.send({"params": params, **template})

    @property
    def remote_methods(self) -> frozenset[str]:
        """Names that a client has registered and is there to hear of."""
        return frozenset(
            method
            for method, templates in self._remote_methods.items()
            if not all(connection.is_closed for connection in templates)
        )

    def _list_endpoints(self, _request: WebRequest) -> Result:
        return {"endpoints": list(self._endpoints)}

    def _info(self, request: WebRequest) -> Result:
        if "client_info" in request.params:
            log.info("API client: %s", request.get_dict("client_info"))
        environment = self._printer.environment
        return {
            "state": self._printer.state,
            "state_message": self._printer.state_message,
            "hostname": socket.gethostname(),
            "klipper_path": str(environment.klipper_path),
            "python_path": sys.executable,
            "process_id": os.getpid(),
            "user_id": os.getuid(),
            "group_id": os.getgid(),
            "log_file": str(environment.log_file),
            "config_file": str(environment.config_file),
            "software_version": SOFTWARE_VERSION,
            "cpu_info": f"{os.cpu_count()} core simulated",
        }

    def _emergency_stop(self, _request: WebRequest) -> Result:
        self._printer.invoke_shutdown("Shutdown due to webhooks request")
        return None

    def _register_remote_method(self, request: WebRequest) -> Result:
        template = request.get_dict("response_template")
        method = request.get_str("remote_method")
        self._remote_methods.setdefault(method, {})[request.connection] = template
        return None

    async def _run_script(self, request: WebRequest) -> None:
        await self._gcode.run_script(request.get_str("script"))

    def _subscribe_output(self, request: WebRequest) -> Result:
        template = request.get_dict("response_template", {})
        self._consoles[request.connection] = template
        return None

    def _send_output(self, text: str) -> None:
        for connection, template in list(self._consoles.items()):
            if connection.is_closed:
                del self._consoles[connection]
            else:
                connection.send({**template, "params": {"response": text}})


def _error(message: str) -> dict[str, Any]:
    return {"error": {"error": "WebRequestError", "message": message}}
