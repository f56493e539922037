# Tests of the rules of the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request for every rule, and what printers, the web page and a hand on it do."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import attrs
import pytest

from moonraker_prusacam.emulator.connect import (
    PRINTER_RULES,
    RULES,
    Behaviour,
    Fault,
    FaultKind,
    LocalConnect,
    Origin,
    Rule,
)
from moonraker_prusacam.errors import EmulatorError
from tests.support.scenarios import Scenarios

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

TOKEN = "AbCdEfGhIjKlMnOpQrSt"
FINGERPRINT = "0123456789abcdef0123456789abcdef"
VIDEO_PATH = f"/c/timelapse/{TOKEN}/a%20vase%2F2.mp4"
VIDEO = bytes(range(100))
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 20 + b"\xff\xd9"
SERIAL = {"sn": "SN-1234567890", "fingerprint": "f" * 32, "printer_type": "1.3.0"}
CAMERA = {
    "config": {"name": "Front", "trigger_scheme": "TEN_SEC"},
    "options": {"available_resolutions": [{"width": 640, "height": 480}]},
    "capabilities": ["trigger_scheme"],
    "fingerprint": "c" * 32,
}


class Bench:
    """A local Prusa Connect, and a client of it."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.connect = LocalConnect()
        self.camera = self.connect.add_camera(TOKEN)
        self._http = http

    async def ask(
        self, method: str, path: str, data: Any = None, **headers: str
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Status, body (parsed if it is JSON) and headers of an answer."""
        body = json.dumps(data).encode() if isinstance(data, dict | list) else data
        async with self._http.request(
            method, self.connect.url + path, data=body, headers=headers
        ) as answer:
            content: Any = await answer.read()
            if answer.content_type == "application/json":
                content = json.loads(content)
            return answer.status, content, answer.headers

    async def picture(self, data: Any = JPEG, **changes: str) -> Any:
        headers = {"Token": TOKEN, "Fingerprint": FINGERPRINT} | changes
        sent = {"Content-Type": "image/jpg", **headers}
        sent = {name.replace("_", "-"): value for name, value in sent.items() if value}
        return await self.ask("PUT", "/c/snapshot", data, **sent)

    async def info(self, info: Any) -> Any:
        headers = {"Token": TOKEN, "Fingerprint": FINGERPRINT}
        return await self.ask("PUT", "/c/info", info, **headers)

    async def web(self, method: str, path: str, **headers: str) -> Any:
        session = {"Authorization": f"Bearer {self.connect.account.session}"}
        return await self.ask(method, path, **(session | headers))

    async def video(self, method: str, data: Any = None, **changes: str) -> Any:
        headers = {"Token": TOKEN, "Fingerprint": FINGERPRINT} | changes
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask(method, VIDEO_PATH, data, **sent)

    async def printer(self) -> dict[str, str]:
        """Register a printer; its headers."""
        _, _, headers = await self.ask("POST", "/p/register", SERIAL)
        self.connect.confirm(headers["Code"])
        _, _, told = await self.ask("GET", "/p/register", Code=headers["Code"])
        return {"Token": told["Token"], "Fingerprint": SERIAL["fingerprint"]}


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with aiohttp.ClientSession() as http:
        opened = Bench(http)
        await opened.connect.start()
        yield opened
        await opened.connect.aclose()


SCENARIOS: Scenarios[Bench] = Scenarios()
scenario = SCENARIOS.meets


@scenario("token missing", 401)
async def _(bench: Bench) -> None:
    await bench.picture(Token="")


@scenario("token unknown", 401)
async def _(bench: Bench) -> None:
    await bench.picture(Token="x" * 20)


@scenario("camera deleted", 404)
async def _(bench: Bench) -> None:
    await bench.ask("DELETE", "/_ctl/cameras/1")
    await bench.picture()


@scenario("fingerprint missing", 401)
async def _(bench: Bench) -> None:
    await bench.picture(Fingerprint="")


@scenario("fingerprint length", 400)
async def _(bench: Bench) -> None:
    await bench.picture(Fingerprint="short")


@scenario("browser camera", 400)
async def _(bench: Bench) -> None:
    token = bench.connect.account.add_camera(origin=Origin.WEB).token
    await bench.picture(Token=token)


@scenario("fingerprint differs", 403)
async def _(bench: Bench) -> None:
    await bench.picture()
    await bench.picture(Fingerprint="f" * 20)


@scenario("chunked", 413)
async def _(bench: Bench) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield JPEG

    await bench.picture(pieces())


@scenario("empty", 400)
async def _(bench: Bench) -> None:
    await bench.picture(b"")


@scenario("too large", 413)
async def _(bench: Bench) -> None:
    connect = bench.connect
    _, writer = await asyncio.open_connection(connect.host, connect.port)
    writer.write(
        f"PUT /c/snapshot HTTP/1.1\r\nHost: x\r\nToken: {TOKEN}\r\n"
        f"Fingerprint: {FINGERPRINT}\r\nContent-Length: 16777217\r\n\r\n".encode()
    )
    await connect.wait_for(lambda: len(connect.requests) == 1, 10.0)
    writer.close()
    await writer.wait_closed()


@scenario("media type", 400)
async def _(bench: Bench) -> None:
    await bench.picture(Content_Type="image/png")


@scenario("too fast", 429)
async def _(bench: Bench) -> None:
    bench.connect.behaviour = Behaviour(too_fast_status=429)
    await bench.picture()
    _, _, headers = await bench.picture()
    assert headers["Retry-After"] == "10"


@scenario("hidden", 204)
async def _(bench: Bench) -> None:
    bench.camera.printer_online = False
    await bench.picture()


@scenario("printer offline", 404)
async def _(bench: Bench) -> None:
    bench.connect.behaviour = Behaviour(offline_status=404)
    bench.camera.printer_online = False
    await bench.picture()


@scenario("accepted", 204)
async def _(bench: Bench) -> None:
    await bench.picture()


@scenario("info", 400)
async def _(bench: Bench) -> None:
    await bench.info({"name": "flat"})


@scenario("info value", 400)
async def _(bench: Bench) -> None:
    await bench.info({"config": {"name": "x" * 65}})


@scenario("info scheme", 200)
async def _(bench: Bench) -> None:
    bench.camera.trigger_scheme = "EACH_LAYER"
    await bench.info({"config": {"name": "x", "trigger_scheme": "TEN_SEC"}})


@scenario("web login", 401)
async def _(bench: Bench) -> None:
    await bench.web("GET", "/app/cameras/1/snapshots/last", Authorization="Bearer x")


@scenario("web not found", 404)
async def _(bench: Bench) -> None:
    await bench.web("GET", "/app/cameras/7/snapshots/last")


@scenario("web camera", 201)
async def _(bench: Bench) -> None:
    printer = bench.camera.printer.uuid
    _, record, _ = await bench.web("POST", f"/app/printers/{printer}/camera")
    assert record["origin"] == "WEB"
    assert len(record["token"]) == 20


@scenario("add printer", 200)
async def _(bench: Bench) -> None:
    _, _, headers = await bench.ask("POST", "/p/register", SERIAL)
    path = f"/add-printer/connect/1.3.0/{headers['Code']}"
    assert b"<button>" in (await bench.ask("GET", path))[1]
    assert (await bench.ask("GET", "/p/register", Code=headers["Code"]))[0] == 202
    _, page, _ = await bench.ask("POST", path)
    assert SERIAL["sn"] in page.decode()
    (printer,) = (
        each
        for each in bench.connect.account.printers.values()
        if each.serial_number == SERIAL["sn"]
    )
    assert printer.token


@scenario("no image", 404)
async def _(bench: Bench) -> None:
    await bench.web("GET", "/app/cameras/1/snapshots/last")


@scenario("image", 200)
async def _(bench: Bench) -> None:
    await bench.picture()
    _, image, _ = await bench.web("GET", "/app/cameras/1/snapshots/last")
    assert image == JPEG


@scenario("triggered", 204)
async def _(bench: Bench) -> None:
    await bench.web("POST", f"/app/cameras/{TOKEN}/snapshots")
    assert bench.camera.triggered == 1


@scenario("environment", 200)
async def _(bench: Bench) -> None:
    _, script, _ = await bench.ask("GET", "/environment.js")
    place = f'window.CAMERA_SIGNALING_SERVER = "{bench.connect.url}";'
    assert place in script.decode()


@scenario("video login", 401)
async def _(bench: Bench) -> None:
    await bench.ask("GET", VIDEO_PATH)


@scenario("video of another camera", 403)
async def _(bench: Bench) -> None:
    await bench.video("GET", Token=bench.connect.add_camera().token)


@scenario("video missing", 404)
async def _(bench: Bench) -> None:
    await bench.video("GET")


@scenario("video range", 416)
async def _(bench: Bench) -> None:
    await bench.video("PUT", VIDEO)
    _, _, headers = await bench.video("GET", Range="bytes=100-")
    assert headers["Content-Range"] == "bytes */100"


@scenario("video", 200)
async def _(bench: Bench) -> None:
    await bench.video("PUT", VIDEO)
    assert bench.camera.videos == {"a vase/2": VIDEO}
    _, body, headers = await bench.video("GET")
    assert body == VIDEO
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Content-Type"] == "video/mp4"


@scenario("video empty", 400)
async def _(bench: Bench) -> None:
    await bench.video("PUT", b"")


@scenario("video uploaded", 204)
async def _(bench: Bench) -> None:
    assert (await bench.video("PUT", b"first"))[0] == 201
    await bench.video("PUT", VIDEO)


@scenario("endpoint unknown", 404)
async def _(bench: Bench) -> None:
    await bench.ask("POST", "/p/nothing", {"state": "IDLE"})


def test_scenarios_when_compared_with_the_rules_then_each_rule_has_one() -> None:
    assert list(SCENARIOS) == [rule.name for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
async def test_rule_when_met_then_its_answer_and_evidence(
    bench: Bench, rule: Rule
) -> None:
    status, play = SCENARIOS[rule.name]
    await play(bench)
    record = bench.connect.requests[-1]
    assert (record.verdict, record.status) == (rule.name, status)
    assert record.evidence == rule.evidence
    assert record.leaks == ()
    assert str(status) in rule.answer or rule.name in ("hidden", "printer offline")


@pytest.mark.parametrize(
    ("behaviour", "status", "body"),
    [
        (Behaviour(unknown_token_status=403), 403, "FORBIDDEN"),
        (Behaviour(unknown_token_status=404), 404, "NOT_FOUND"),
    ],
)
async def test_unknown_token_when_switched_then_that_status(
    bench: Bench, behaviour: Behaviour, status: int, body: str
) -> None:
    bench.connect.behaviour = behaviour
    answer = await bench.picture(Token="x" * 20)
    assert (answer[0], answer[1]["code"]) == (status, body)


async def test_fingerprint_when_switched_then_the_other_refusal(bench: Bench) -> None:
    bench.connect.behaviour = Behaviour(other_fingerprint_status=400)
    await bench.picture()
    status, body, _ = await bench.picture(Fingerprint="f" * 20)
    assert (status, body) == (400, {"detail": "Invalid fingerprint"})


async def test_accepted_when_switched_then_200(bench: Bench) -> None:
    bench.connect.behaviour = Behaviour(accepted_status=200)
    assert (await bench.picture())[0] == 200


async def test_media_type_when_lenient_then_anything_is_taken(bench: Bench) -> None:
    bench.connect.behaviour = Behaviour(strict_media_type=False)
    assert (await bench.picture(Content_Type="text/plain"))[0] == 204


async def test_interval_when_shortened_then_too_fast_goes_by_it(bench: Bench) -> None:
    bench.connect.behaviour = Behaviour(too_fast_status=429, min_interval_s=1e-6)
    assert [(await bench.picture())[0] for _ in range(3)] == [204, 204, 204]
    assert not any(record.too_soon for record in bench.connect.requests)


@pytest.mark.parametrize(
    "changes",
    [
        {"unknown_token_status": 402},
        {"other_fingerprint_status": 401},
        {"accepted_status": 201},
        {"too_fast_status": 200},
        {"offline_status": 204},
        {"strict_media_type": "no"},
        {"min_interval_s": 0},
        {"min_interval_s": "soon"},
        {"code_lifetime_s": -1},
        {"colour": "red"},
    ],
    ids=str,
)
async def test_behaviour_when_it_makes_no_sense_then_400_and_unchanged(
    bench: Bench, changes: dict[str, Any]
) -> None:
    status, reason, _ = await bench.ask("PATCH", "/_ctl/behaviour", changes)
    assert status == 400
    assert reason
    assert bench.connect.behaviour == Behaviour()


async def test_behaviour_when_changed_by_request_then_it_holds(bench: Bench) -> None:
    changes = {"accepted_status": 200}
    _, told, _ = await bench.ask("PATCH", "/_ctl/behaviour", changes)
    assert told == attrs.asdict(Behaviour(accepted_status=200))
    assert (await bench.picture())[0] == 200


async def test_code_when_it_is_old_then_unknown(bench: Bench) -> None:
    bench.connect.behaviour = Behaviour(code_lifetime_s=1e-9)
    _, _, headers = await bench.ask("POST", "/p/register", SERIAL)
    with pytest.raises(EmulatorError):
        bench.connect.confirm(headers["Code"])
    assert (await bench.ask("GET", "/p/register", Code=headers["Code"]))[0] == 404


async def test_printer_when_it_registers_again_then_its_old_token_ends(
    bench: Bench,
) -> None:
    headers = await bench.printer()
    await bench.ask("POST", "/p/register", SERIAL)
    status, _, _ = await bench.ask("POST", "/p/camera", CAMERA, **headers)
    assert status == 401
    assert len(bench.connect.account.printers) == 2


async def test_confirm_when_no_code_is_given_then_the_newest(bench: Bench) -> None:
    status, _, _ = await bench.ask("POST", "/_ctl/confirm")
    assert status == 404
    with pytest.raises(EmulatorError):
        bench.connect.confirm("0123456789")
    _, _, headers = await bench.ask("POST", "/p/register", SERIAL)
    _, printer, _ = await bench.ask("POST", "/_ctl/confirm")
    status, _, told = await bench.ask("GET", "/p/register", Code=headers["Code"])
    assert (status, len(told["Token"])) == (200, 20)
    assert printer["printer_uuid"] in bench.connect.account.printers


async def test_printer_camera_when_its_printer_goes_offline_then_hidden(
    bench: Bench,
) -> None:
    headers = await bench.printer()
    _, _, told = await bench.ask("POST", "/p/camera", CAMERA, **headers)
    camera = bench.connect.account.cameras[told["Token"]]
    await bench.ask("PATCH", f"/_ctl/cameras/{camera.id}", {"printer_online": False})
    await bench.picture(Token=camera.token, Fingerprint="c" * 32)
    assert bench.connect.requests[-1].verdict == "hidden"
    assert bench.camera.printer_online


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/app/printers/nonsense/camera", 400),
        ("/app/printers/00000000-0000-4000-8000-000000000000/camera", 404),
        ("/app/printers/{uuid}/camera?origin=NOWHERE", 400),
        ("/app/cameras/x/snapshots", 404),
        ("/add-printer/connect/1.3.0/0123456789", 404),
    ],
)
async def test_web_when_the_address_is_wrong_then_refused(
    bench: Bench, path: str, status: int
) -> None:
    path = path.replace("{uuid}", bench.camera.printer.uuid)
    assert (await bench.web("POST", path))[0] == status
    assert len(bench.connect.account.cameras) == 1


@pytest.mark.parametrize("origin", ["OTHER", "LINK"])
async def test_web_camera_when_made_for_another_kind_then_it_can_be_used(
    bench: Bench, origin: str
) -> None:
    path = f"/app/printers/{bench.camera.printer.uuid}/camera?origin={origin}"
    cookie = {"Cookie": f"SESSID={bench.connect.account.session}", "Authorization": ""}
    _, record, _ = await bench.web("POST", path, **cookie)
    assert record["origin"] == origin
    assert not record["registered"]
    assert (await bench.picture(Token=record["token"]))[0] == 204
    assert bench.connect.requests[0].leaks == ()


async def test_last_image_when_unchanged_then_304(bench: Bench) -> None:
    await bench.picture()
    path = "/app/cameras/1/snapshots/last"
    _, _, headers = await bench.web("GET", path)
    match = {"If-None-Match": headers["ETag"]}
    assert (await bench.web("GET", path, **match))[0] == 304


@pytest.mark.parametrize(
    ("wanted", "told", "part"),
    [
        ("bytes=0-9", "bytes 0-9/100", VIDEO[:10]),
        ("bytes=90-", "bytes 90-99/100", VIDEO[90:]),
        ("bytes=-5", "bytes 95-99/100", VIDEO[95:]),
        ("bytes=-500", "bytes 0-99/100", VIDEO),
        ("bytes=99-200", "bytes 99-99/100", VIDEO[99:]),
        ("bytes=100-", None, b""),
        ("bytes=9-8", None, b""),
        ("bytes=-0", None, b""),
    ],
)
async def test_video_when_a_range_is_wanted_then_that_or_416(
    bench: Bench, wanted: str, told: str | None, part: bytes
) -> None:
    await bench.video("PUT", VIDEO)
    status, body, headers = await bench.video("GET", Range=wanted)
    assert (status, body) == (206 if told else 416, part)
    assert headers["Content-Range"] == (told or "bytes */100")


@pytest.mark.parametrize(
    "wanted", ["bytes=-", "bytes=0-1,4-5", "bytes=x-", "lines=0-1", "bytes=٣-"]
)
async def test_video_when_the_range_is_none_then_all_of_it(
    bench: Bench, wanted: str
) -> None:
    await bench.video("PUT", VIDEO)
    assert (await bench.video("GET", Range=wanted))[:2] == (200, VIDEO)


async def test_video_when_it_was_replaced_then_if_range_gives_all_of_the_new_one(
    bench: Bench,
) -> None:
    await bench.video("PUT", VIDEO)
    _, _, headers = await bench.video("GET")
    resumed = {"Range": "bytes=50-", "If_Range": headers["ETag"]}
    assert (await bench.video("GET", **resumed))[:2] == (206, VIDEO[50:])
    await bench.video("PUT", b"another" * 20)
    assert (await bench.video("GET", **resumed))[:2] == (200, b"another" * 20)


async def test_video_when_asked_with_the_session_then_no_fingerprint_is_needed(
    bench: Bench,
) -> None:
    await bench.video("PUT", VIDEO)
    assert (await bench.web("GET", VIDEO_PATH))[1] == VIDEO
    assert (await bench.video("GET", Fingerprint="f" * 32))[0] == 403
    assert not any(record.leaks for record in bench.connect.requests)


async def read_into(got: bytearray, content: aiohttp.StreamReader) -> None:
    while part := await content.read(10):
        got += part


@pytest.mark.parametrize("kind", [FaultKind.RESET_RESPONSE, FaultKind.CUT_RESPONSE])
async def test_video_when_it_breaks_off_then_after_so_many_bytes_of_it(
    bench: Bench, kind: FaultKind
) -> None:
    await bench.video("PUT", VIDEO)
    await bench.connect.inject(
        Fault(kind, endpoint="/c/timelapse", after_bytes=30, of_body=True)
    )
    headers = {"Token": TOKEN, "Fingerprint": FINGERPRINT}
    got = bytearray()
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(bench.connect.url + VIDEO_PATH) as answer,
    ):
        assert answer.content_length == len(VIDEO)
        with pytest.raises(aiohttp.ClientError):
            await read_into(got, answer.content)
    assert got == VIDEO[:30]


async def test_video_when_a_page_stands_for_it_then_html_with_200(bench: Bench) -> None:
    await bench.connect.inject(
        Fault(
            "answer",
            answer="200",
            body="<html>log in</html>",
            headers={"Content-Type": "text/html"},
            endpoint="GET /c/timelapse",
        )
    )
    assert (await bench.video("PUT", VIDEO))[0] == 201
    status, body, headers = await bench.video("GET")
    assert (status, headers["Content-Type"]) == (200, "text/html")
    assert body.startswith(b"<html>")


async def test_cameras_when_steered_by_request_then_shown_without_secrets(
    bench: Bench,
) -> None:
    wanted = {"printer_online": False, "trigger_scheme": "FIFTH_LAYER"}
    status, made, _ = await bench.ask("POST", "/_ctl/cameras", wanted)
    assert status == 201
    assert len(made["token"]) == 20
    _, changed, _ = await bench.ask(
        "PATCH", "/_ctl/cameras/2", {"printer_online": True}
    )
    assert changed["printer_online"] is True
    assert changed["trigger_scheme"] == "FIFTH_LAYER"
    assert (await bench.ask("DELETE", "/_ctl/cameras/2"))[0] == 204
    _, listed, _ = await bench.ask("GET", "/_ctl/cameras")
    assert [camera["deleted"] for camera in listed] == [False, True]
    for text in (json.dumps(listed), json.dumps(changed)):
        assert made["token"] not in text
        assert TOKEN not in text


@pytest.mark.parametrize(
    ("method", "path", "data", "status"),
    [
        ("POST", "/_ctl/cameras", {"origin": "MOON"}, 400),
        ("POST", "/_ctl/cameras", b"{", 400),
        ("POST", "/_ctl/cameras", [], 400),
        ("PATCH", "/_ctl/cameras/1", {"trigger_scheme": "SOMETIMES"}, 400),
        ("PATCH", "/_ctl/cameras/1", {"trigger_scheme": ["MANUAL"]}, 400),
        ("PATCH", "/_ctl/cameras/1", {"printer_online": "yes"}, 400),
        ("PATCH", "/_ctl/cameras/1", {"colour": "red"}, 400),
        ("PATCH", "/_ctl/cameras/9", {}, 404),
        ("DELETE", "/_ctl/cameras/x", None, 404),
        ("POST", "/_ctl/faults", {"kind": "flood"}, 400),
        ("POST", "/_ctl/faults", [{"kind": "answer"}, 5], 400),
        ("POST", "/_ctl/faults", b"[", 400),
        ("POST", "/_ctl/confirm", {"code": 5}, 404),
    ],
    ids=str,
)
async def test_control_when_it_makes_no_sense_then_the_reason_and_no_change(
    bench: Bench, method: str, path: str, data: Any, status: int
) -> None:
    answer = await bench.ask(method, path, data)
    assert answer[0] == status
    assert bench.camera.trigger_scheme is None
    assert bench.connect.faults.as_json() == []


async def test_faults_when_planned_by_request_then_met_shown_and_cleared(
    bench: Bench,
) -> None:
    faults = [{"kind": "answer", "answer": "503 json", "retry_after_s": 7, "count": 2}]
    status, told, _ = await bench.ask("POST", "/_ctl/faults", faults)
    assert (status, told) == (201, faults)
    status, body, headers = await bench.picture()
    assert (status, headers["Retry-After"]) == (503, "7")
    assert body["code"] == "SERVICE_UNAVAILABLE"
    _, shown, _ = await bench.ask("GET", "/_ctl/faults")
    assert shown == [{**faults[0], "met": 1, "left": 1}]
    assert (await bench.ask("DELETE", "/_ctl/faults"))[0] == 204
    assert (await bench.picture())[0] == 204


async def test_faults_when_they_are_for_everything_then_not_for_the_hand(
    bench: Bench,
) -> None:
    await bench.connect.inject(Fault("silence", count=None))
    assert (await bench.ask("GET", "/_ctl/faults"))[0] == 200


async def test_refusal_when_planned_by_request_then_whoever_asked_hears_of_it(
    bench: Bench,
) -> None:
    fault = {"kind": "refuse", "seconds": 0.5}
    assert (await bench.ask("POST", "/_ctl/faults", fault))[0] == 201
    await bench.connect.wait_for(lambda: not bench.connect.is_listening, 10.0)
    await bench.connect.wait_for(lambda: bench.connect.is_listening, 10.0)
    assert (await bench.picture())[0] == 204


async def test_rules_when_asked_then_each_with_its_evidence(bench: Bench) -> None:
    _, rules, _ = await bench.ask("GET", "/_ctl/rules")
    known = [rule.name for rule in (*RULES, *PRINTER_RULES)]
    assert [rule["name"] for rule in rules] == known
    assert {rule["evidence"] for rule in rules} == {"confirmed", "assumed"}


async def test_log_when_json_is_sent_then_it_is_kept_without_secrets(
    bench: Bench,
) -> None:
    headers = await bench.printer()
    await bench.ask("POST", "/p/camera", CAMERA, **headers)
    _, log, _ = await bench.ask("GET", "/_ctl/log")
    register, registered, made = log["requests"]
    assert register["content"]["sn"] == SERIAL["sn"]
    assert register["content"]["fingerprint"] == "ff***"
    assert made["content"]["config"] == CAMERA["config"]
    assert made["content"]["fingerprint"] == "cc***"
    assert registered["headers"]["code"].endswith("***")
    assert headers["Token"] not in json.dumps(log)
