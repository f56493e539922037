# Tests of reading certificates.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name in a certificate, and that nothing a stranger sends does any harm."""

from __future__ import annotations

import hashlib
import ssl

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.camera.certificate import MAX_NAME, certificate, common_name
from tests.support.bambu import authority

NAME_PLACE = b"\x55\x04\x03"


def der_of(name: str | None) -> bytes:
    issued = authority().issue_cert("printer.example", common_name=name)
    pem = issued.cert_chain_pems[0].bytes().decode()
    return ssl.PEM_cert_to_DER_cert(pem)


DER = der_of("01P00A123456789")


def element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def made(*names: tuple[int, bytes], version: bytes = b"\xa0\x03\x02\x01\x02") -> bytes:
    """The least of a certificate, with these common names."""
    pairs = (
        element(0x31, element(0x30, element(0x06, NAME_PLACE) + element(tag, text)))
        for tag, text in names
    )
    empty = element(0x30, b"")
    subject = element(0x30, b"".join(pairs))
    signed = version + element(0x02, b"\x01") + empty * 3 + subject + empty
    return element(0x30, element(0x30, signed) + empty)


def test_certificate_when_read_then_its_digest_is_that_of_all_of_it() -> None:
    found = certificate(DER)
    assert found.sha256 == hashlib.sha256(DER).digest()
    assert found.name == "01P00A123456789"
    assert bytes.fromhex(found.fingerprint.replace(":", "")) == found.sha256


def test_certificate_when_shown_then_name_and_begin_of_the_digest() -> None:
    begin = hashlib.sha256(DER).digest()[:8].hex(":")
    assert str(certificate(DER)) == f"01P00A123456789, SHA-256 {begin}…"
    assert str(certificate(b"?")).startswith("SHA-256 ")


def test_name_when_the_key_is_elliptic_then_it_is_found_as_well() -> None:
    issued = authority().issue_cert(
        "printer.example", common_name="094", key_type=trustme.KeyType.ECDSA
    )
    pem = issued.cert_chain_pems[0].bytes().decode()
    assert common_name(ssl.PEM_cert_to_DER_cert(pem)) == "094"


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([(0x0C, "Gehäuse".encode())], "Gehäuse"),
        ([(0x13, b"01P00A")], "01P00A"),
        ([(0x16, b"01P00A")], "01P00A"),
        ([(0x14, b"caf\xe9")], "café"),
        ([(0x1E, "01P".encode("utf-16-be"))], "01P"),
        ([(0x13, b"general"), (0x13, b"special")], "special"),
        ([], ""),
        ([(0x04, b"no text")], ""),
        ([(0x13, b"caf\xe9")], ""),
        ([(0x0C, b"a\x1b[31mb\nc")], "a?[31mb?c"),
        ([(0x0C, "a\u202eb".encode())], "a?b"),
        ([(0x0C, b"  a  ")], "a"),
        ([(0x0C, b"x" * 1000)], "x" * MAX_NAME),
    ],
)
def test_name_when_written_in_many_ways_then_printable(
    names: list[tuple[int, bytes]], found: str
) -> None:
    assert common_name(made(*names)) == found
    assert common_name(made(*names, version=b"")) == found


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x30",
        b"\x30\x00",
        b"\x30\x02\x30\x00",
        b"\x30\x80",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\xff" + b"\xff" * 127,
        DER + b"\x30\x00",
        element(0x30, element(0x30, b"\x02\x01\x01")),
    ],
)
def test_name_when_it_is_no_certificate_then_none(der: bytes) -> None:
    assert common_name(der) == ""


@given(st.binary(max_size=200))
def test_name_when_bytes_are_random_then_a_short_line(der: bytes) -> None:
    name = common_name(der)
    assert len(name) <= MAX_NAME
    assert name.isprintable()


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_name_when_a_byte_is_wrong_then_a_short_line(place: int, value: int) -> None:
    name = common_name(DER[:place] + bytes([value]) + DER[place + 1 :])
    assert len(name) <= MAX_NAME
    assert name.isprintable()
