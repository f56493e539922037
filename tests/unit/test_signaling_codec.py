# Tests of the codec of the Prusa camera protocol.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Octets written by hand from the numbers of the schemas, and hostile ones.

In the vectors a field is written as number and type (``08``: field 1, a number; ``12``:
field 2, length and octets), as protobuf's documentation of its encoding has it.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.connect.signaling import codec, messages
from moonraker_prusacam.connect.signaling.codec import Codec
from moonraker_prusacam.connect.signaling.messages import (
    CameraAuthentication,
    CameraMode,
    ClientAuthentication,
    ClientTrigger,
    Configuration,
    Direction,
    Features,
    FileList,
    FileState,
    Message,
    ProtocolVersion,
    Status,
    Switch,
    Trigger,
    VideoQuality,
    VideoState,
)
from moonraker_prusacam.connect.signaling.profiles import PROFILES
from moonraker_prusacam.errors import MessageMalformed, MessageUnsupported
from moonraker_prusacam.secret import Secret

TOKEN = Secret("AAAAAAAAAAAAAAAAAAAA")
TOKEN_HEX = "14" + "41" * 20  # its length, and 20 times "A"
ON, OFF = Switch.ON, Switch.OFF
ALL_TRIGGERS = Trigger(
    get_status=ON,
    get_features=OFF,
    get_snapshot=ON,
    snapshots=OFF,
    timelapse=ON,
    update_firmware=ON,
    reboot=ON,
    rtsp_server=OFF,
    get_protocol=ON,
    make_video=ON,
    get_files=ON,
    camera_token=TOKEN,
    request_id="id",
)
# Ascending numbers: 1 to 5, 8 to 10, the token at 11, 12, the text at 13, 14, 15.
TRIGGERS_HEX = (
    f"0801 1002 1801 2002 2801 4001 4801 50025a {TOKEN_HEX} 6001 6a02 6964 7001 7801"
)

VECTORS: dict[str, tuple[str, Message, str]] = {
    "seed, first word": (
        "seed",
        ClientAuthentication(
            camera_token=TOKEN, client_type="user", jwt=Secret("j"), fingerprint="f"
        ),
        f"0a {TOKEN_HEX} 1204 75736572 1a01 6a 2201 66",
    ),
    "wire, first word": (
        "wire",
        ClientAuthentication(camera_token=TOKEN, jwt=Secret("j")),
        f"0a {TOKEN_HEX} 1206 636c69656e74 1a01 6a",
    ),
    "wire, camera's first word": (
        "wire",
        CameraAuthentication(camera_token=TOKEN, fingerprint="f"),
        f"0a {TOKEN_HEX} 1201 66",
    ),
    "seed, triggers": ("seed", ALL_TRIGGERS, TRIGGERS_HEX),
    "wire, triggers": ("wire", ALL_TRIGGERS, TRIGGERS_HEX),
    "seed, configuration": (
        "seed",
        Configuration(
            direction=Direction.DOWN,
            angle=300,
            light=ON,
            exposure=5,
            mode=CameraMode.NIGHT,
            snapshot_interval_s=10,
            contrast=-1,
            volume=100,
            brightness=-2,
            saturation=3,
            job_name="cube",
            camera_token=TOKEN,
            request_id="id",
        ),
        # 3: { 1: { 1: 4, 2: 300 } 2: 1 3: 5 4: 3 5: 10 6: -1 7: 100 8: -2 9: 3 10: … }
        (
            "1a2f 0a05 0804 10ac02 1001 1805 2003 280a 30ffffffffffffffffff01 3864"
            "40feffffffffffffffff01 4803 5204 63756265"
            f"32 {TOKEN_HEX} 3a02 6964"
        ),
    ),
    # Seen on the wire: 1a 02 20 01 32 14, then the token.
    "wire, mode": (
        "wire",
        Configuration(mode=CameraMode.AUTO, camera_token=TOKEN),
        f"1a02 2001 32 {TOKEN_HEX}",
    ),
    "wire, configuration": (
        "wire",
        Configuration(
            direction=Direction.LEFT,
            angle=90,
            light=OFF,
            mode=CameraMode.DAY,
            snapshot_interval_s=600,
            volume=5,
            brightness=1,
            saturation=2,
            job_name="cube",
            timelapse_interval_s=30,
            timelapse_fps=15,
            quality=VideoQuality.FHD,
            camera_token=TOKEN,
            request_id="id",
        ),
        # 2: 30, 3: {…}, 6, 7, 8: { 1: 3 }, 9: { 1: 15 }
        (
            "101e 1a19 0a04 0801 105a 1002 2002 28d804 3805 4001 4802 5204 63756265"
            f"32 {TOKEN_HEX} 3a02 6964 4202 0803 4a02 080f"
        ),
    ),
    "seed, status": (
        "seed",
        Status(
            temperature_c=50.5,
            uptime_s=3661,
            uptime="1h",
            load="0.5",
            total_ram=64,
            free_ram=32,
            shared_ram=1,
            buffer_ram=2,
            processes=70,
            video=VideoState.DONE,
            wifi_ssid="net",
            wifi_mac="m",
            wifi_ipv4="4",
            wifi_ipv6="6",
            wifi_signal=80,
            camera_token=TOKEN,
        ),
        # 1: { 1: 50.5 as a float, 2: 3661, … 10: 3 }, 4: { 1: {…} }, 8
        (
            "0a1d 0d00004a42 10cd1c 1a02 3168 2203 302e35 2840 3020 3801 4002 4846 5003"
            f"2212 0a10 0a03 6e6574 1201 6d 1a01 34 2201 36 2850 42 {TOKEN_HEX}"
        ),
    ),
    "seed, status by cable": (
        "seed",
        Status(ethernet_mac="m", ethernet_ipv4="4", ethernet_ipv6="6"),
        "220b 1209 0a01 6d 1201 34 1a01 36",
    ),
    "wire, status by cable": (
        "wire",
        Status(ethernet_mac="m", ethernet_ipv4="4", ethernet_ipv6="6"),
        "220b 1209 0a01 6d 1201 34 1a01 36",
    ),
    "wire, status": (
        "wire",
        Status(
            temperature_c=50.5,
            uptime_s=3661,
            uptime="1h",
            load="0.5",
            total_ram=64,
            free_ram=32,
            shared_ram=1,
            buffer_ram=2,
            processes=70,
            timelapse=ON,
            timelapse_interval_s=10,
            wifi_ssid="net",
            wifi_mac="m",
            wifi_ipv4="4",
            wifi_ipv6="6",
            wifi_signal=80,
            firmware="3.1.6",
            hardware="C",
            name="n",
            storage=ON,
            storage_total_mb=100,
            storage_free_mb=50,
            storage_access="RW",
            rtsp_server=OFF,
            rtsp_url="u",
            time_zone="z",
            quality=VideoQuality.HD,
            camera_token=TOKEN,
            request_id="id",
        ),
        # 2: { 1: 1, 2: 10 }, 4: { 1: { 1 } }, 5: { 1, 2, 3, 4: {…}, 6: {…}, 10 }, 8,
        # 9: { 1, 2 }, 10, 11: { 1: 2 }
        (
            "1204 0801 100a 2212 0a10 0a03 6e6574 1201 6d 1a01 34 2201 36 2850"
            "2a23 0a05 332e312e36 1201 43 1a01 6e 220a 0801 1064 1832 2a02 5257"
            f"3205 0802 1a01 75 5201 7a 42 {TOKEN_HEX}"
            "4a1b 0d00004a42 10cd1c 1a02 3168 2203 302e35 2840 3020 3801 4002 4846"
            "5202 6964 5a02 0802"
        ),
    ),
    "seed, features": (
        "seed",
        Features(
            ptz=True,
            infrared=True,
            led=True,
            audio=True,
            sd_card=True,
            max_quality=VideoQuality.SD,
            firmware="1",
            camera_token=TOKEN,
            webrtc=True,
        ),
        f"0801 1001 1801 2001 2801 3001 3a01 31 42 {TOKEN_HEX} 4801",
    ),
    "wire, features": (
        "wire",
        Features(
            camera_token=TOKEN,
            firmware="1",
            hardware="2",
            protocol="4.4",
            names_json="[]",
            names_md5="d7",
        ),
        f"12 {TOKEN_HEX} 1a01 31 2201 32 2a03 342e34 3202 5b5d 3a02 6437",
    ),
    "seed, a task": (
        "seed",
        ClientTrigger(video=VideoState.FAILED),
        "0a02 5004",
    ),
    "wire, a task": (
        "wire",
        ClientTrigger(
            text_1="a",
            text_2="b",
            video=VideoState.DONE,
            text_4="c",
            error_code=5,
            progress_percent=99,
        ),
        "0a01 61 1201 62 1802 2201 63 2805 3063",
    ),
    "wire, files": (
        "wire",
        FileList(page_text="1;2\na;D\n", camera_token=TOKEN, request_id="i"),
        f"0a08 313b320a613b440a 12 {TOKEN_HEX} 1a01 69",
    ),
    "wire, version": (
        "wire",
        ProtocolVersion(camera_token=TOKEN, version="4.4", request_id="i"),
        f"0a {TOKEN_HEX} 1203 342e34 1a01 69",
    ),
}


@pytest.mark.parametrize(
    ("profile", "message", "octets"), VECTORS.values(), ids=VECTORS
)
def test_message_when_packed_then_as_written_by_hand(
    profile: str, message: Message, octets: str
) -> None:
    assert Codec(profile).encode(message).hex() == octets.replace(" ", "")


@pytest.mark.parametrize(
    ("profile", "message", "octets"), VECTORS.values(), ids=VECTORS
)
def test_message_when_unpacked_then_as_meant(
    profile: str, message: Message, octets: str
) -> None:
    assert Codec(profile).decode(type(message), bytes.fromhex(octets)) == message


def test_vectors_when_looked_at_then_every_message_of_a_profile_has_one() -> None:
    there = {(profile, type(message)) for profile, message, _ in VECTORS.values()}
    same = {("seed", CameraAuthentication)}  # the wire's
    known = {
        (name, kind) for name, profile in PROFILES.items() for kind in profile.layouts
    }
    assert there | same == known
    for name, profile in PROFILES.items():
        for kind, layout in profile.layouts.items():
            shown = [
                message
                for whose, message, _ in VECTORS.values()
                if type(message) is kind and whose == name
            ]
            for field in layout.fields if shown else ():
                default = attrs.fields_dict(kind)[field].default
                is_shown = any(getattr(one, field) != default for one in shown)
                assert is_shown or field == "client_type", (name, kind, field)


# Fields nobody knows, values nobody knows

UNKNOWN = {
    "a number": "f8070d",  # field 127
    "octets": "fa0702 6869",
    "inside of a message": "1a05 2001 f8070d",  # in the control
    "an unknown member of an enumeration": "1a02 2063",
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("octets", UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_when_packed_again_then_it_is_still_there(
    profile: str, octets: str
) -> None:
    of, raw = Codec(profile), bytes.fromhex(octets)
    seen = of.decode(Configuration, raw)
    assert of.encode(seen) == raw
    changed = attrs.evolve(seen, volume=7, camera_token=TOKEN)
    again = of.decode(Configuration, of.encode(changed))
    assert again == changed
    back = attrs.evolve(again, volume=None, camera_token=messages.NO_TOKEN)
    kept = of.encode(back)
    assert of.encode(of.decode(Configuration, kept)) == kept
    assert len(kept) >= len(raw)


def test_message_when_it_is_not_unpacked_from_another_then_nothing_is_left() -> None:
    of = Codec("wire")
    seen = of.decode(Trigger, bytes.fromhex("0801 1002"))
    assert of.encode(attrs.evolve(seen, get_status=None)) == bytes.fromhex("1002")


def test_status_when_the_name_of_a_network_is_no_utf8_then_the_rest_is_read() -> None:
    seen = Codec("wire").decode(Status, bytes.fromhex("2206 0a04 0a02 ffc3"))
    assert seen.wifi_ssid == "��"


# Hostile octets

HOSTILE = {
    "cut": "5a0178",
    "wrong group": "0b",
    "no field": "00",
    "length beyond the end": "0affffffff07",
    "endless number": "08" + "ff" * 20,
    "text that is no UTF-8": "6a02ffff",
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("octets", HOSTILE.values(), ids=HOSTILE)
def test_trigger_when_it_is_no_protobuf_then_it_is_refused_by_name(
    profile: str, octets: str
) -> None:
    if octets == HOSTILE["cut"]:
        octets = "5a0241"
    with pytest.raises(MessageMalformed, match=r"Trigger of .* octets is no protobuf"):
        Codec(profile).decode(Trigger, bytes.fromhex(octets))


@pytest.mark.parametrize("octets", ["text", None, 5, [b"a"], {"_placeholder": True}])
def test_message_when_it_is_no_octets_then_it_is_refused(octets: Any) -> None:
    with pytest.raises(MessageMalformed, match="Status came as"):
        Codec("wire").decode(Status, octets)


def test_message_when_it_is_too_long_then_nobody_looks_at_it() -> None:
    with pytest.raises(MessageMalformed, match="Status has 10485760 octets"):
        Codec("wire").decode(Status, bytes(10 << 20))
    with pytest.raises(MessageMalformed, match="would have"):
        Codec("wire").encode(Configuration(job_name="x" * codec.MAX_MESSAGE_BYTES))


def test_message_when_nested_deeply_then_it_is_refused_or_read() -> None:
    octets = b""
    for _ in range(2000):
        octets = b"\x1b" + octets + b"\x1c"  # groups inside of groups
    with pytest.raises(MessageMalformed):
        Codec("wire").decode(Trigger, octets)


@pytest.mark.parametrize("profile", PROFILES)
@given(octets=st.binary(max_size=300))
def test_octets_when_they_are_anything_then_read_or_refused(
    profile: str, octets: bytes
) -> None:
    of = Codec(profile)
    for kind in PROFILES[profile].layouts:
        try:
            seen = of.decode(kind, octets)
        except MessageMalformed:
            continue
        again = of.decode(kind, of.encode(seen))
        assert again == seen or "nan" in repr(seen)


WRONG: list[tuple[str, Message]] = [
    ("seed", Configuration(angle=-1)),
    ("seed", Configuration(angle=1 << 32)),
    ("wire", Configuration(job_name="\ud800")),
    ("wire", ClientTrigger(video=VideoState.IDLE)),
    ("seed", Configuration(contrast=1 << 31)),
    ("wire", Status(total_ram=1 << 64)),
]


@pytest.mark.parametrize(("profile", "message"), WRONG)
def test_value_when_it_does_not_fit_then_it_is_refused_by_name(
    profile: str, message: Message
) -> None:
    with pytest.raises(MessageMalformed, match=r"does not fit|cannot be packed"):
        Codec(profile).encode(message)


UNSUPPORTED: list[tuple[str, Message, str]] = [
    ("seed", Configuration(quality=VideoQuality.SD), "no place for 'quality'"),
    ("wire", Configuration(contrast=1), "no place for 'contrast'"),
    ("seed", FileList(), "has no FileList"),
    ("wire", ClientAuthentication(fingerprint="f"), "no place for 'fingerprint'"),
]


@pytest.mark.parametrize(("profile", "message", "reason"), UNSUPPORTED)
def test_value_when_the_profile_lacks_it_then_it_is_refused_by_name(
    profile: str, message: Message, reason: str
) -> None:
    of = Codec(profile)
    with pytest.raises(MessageUnsupported, match=reason):
        of.encode(message)
    assert of.has(type(message)) == ("has no" not in reason)


# Any message, there and back

SECRETS = st.text(max_size=30).map(Secret)


def values(field: attrs.Attribute[Any]) -> st.SearchStrategy[Any]:
    """Values of a field that its type tells; 0 and "" are absent ones."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "Secret": SECRETS,
        "str": st.text(max_size=30),
        "bool": st.booleans(),
        "int | None": st.none() | st.integers(1, (1 << 31) - 1),
        "float | None": st.none() | st.floats(1, 100, width=32),
        "Switch | None": st.none() | st.sampled_from(Switch),
        "Direction | None": st.none() | st.sampled_from(Direction),
        "CameraMode | None": st.none() | st.sampled_from(CameraMode),
        "VideoQuality | None": st.none() | st.sampled_from(VideoQuality),
        "VideoState | None": st.none()
        | st.sampled_from([VideoState.IN_PROGRESS, VideoState.DONE]),
    }
    return kinds[str(field.type)]


@pytest.mark.parametrize(
    ("profile", "kind"),
    [(name, kind) for name, one in PROFILES.items() for kind in one.layouts],
)
@given(data=st.data())
def test_message_when_packed_and_unpacked_then_the_same(
    profile: str, kind: type[Message], data: st.DataObject
) -> None:
    fields = attrs.fields_dict(kind)
    made = {
        name: data.draw(values(fields[name]), label=name)
        for name in PROFILES[profile].layouts[kind].fields
    }
    # One of the two, by the schema.
    if any(value for name, value in made.items() if name.startswith("ethernet")):
        made |= {name: fields[name].default for name in made if name.startswith("wifi")}
    message = kind(**made)
    of = Codec(profile)
    assert of.decode(kind, of.encode(message)) == message


# Files


def test_files_when_listed_then_rows_that_make_sense_are_read() -> None:
    listed = FileList(page_text="2;3\na;b.mp4;D\nc.avi;P\n;E\nd;\nx\ne;E\nf;?")
    assert listed.page == (2, 3)
    assert [(file.name, file.state) for file in listed.files] == [
        ("a;b.mp4", FileState.DONE),
        ("c.avi", FileState.IN_PROGRESS),
        ("d", FileState.UNKNOWN),
        ("e", FileState.ERROR),
        ("f", FileState.UNKNOWN),
    ]
    assert FileList(page_text="nonsense").page == (1, 1)
    assert FileList().files == ()


def test_message_when_shown_then_without_its_token() -> None:
    for message in (ALL_TRIGGERS, Status(camera_token=TOKEN)):
        assert TOKEN.reveal() not in repr(message)
        seen = Codec("wire").decode(type(message), Codec("wire").encode(message))
        assert TOKEN.reveal() not in repr(seen)
