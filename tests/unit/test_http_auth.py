# Tests of authentication at cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the RFCs, and challenges as cameras write them."""

from __future__ import annotations

import base64
import re
import secrets
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.camera.http.auth import Authenticator, parse_challenges
from moonraker_prusacam.camera_options import Credentials
from moonraker_prusacam.secret import Secret

RFC_NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
RFC_OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
RFC_REALM = "http-auth@example.org"
RFC_COUNTED = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
MUFASA = Credentials("Mufasa", Secret("Circle of Life"))


def answered(challenge: str, credentials: Credentials = MUFASA) -> dict[str, str]:
    """The fields of the answer to one Digest challenge."""
    authenticator = Authenticator(credentials)
    assert authenticator.take(parse_challenges([challenge]))
    header = authenticator.header("GET", "/dir/index.html")
    assert header is not None
    kind, _, rest = header.partition(" ")
    assert kind == "Digest"
    return {
        name: quoted or plain
        for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^,]+))', rest)
    }


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digest_when_of_the_rfc_then_its_response(
    algorithm: str, response: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 7616, 3.9.1."""
    monkeypatch.setattr(secrets, "token_hex", lambda _: RFC_COUNTED)
    fields = answered(
        f'Digest realm="{RFC_REALM}", qop="auth, auth-int", algorithm={algorithm}, '
        f'nonce="{RFC_NONCE}", opaque="{RFC_OPAQUE}"'
    )
    assert fields == {
        "username": "Mufasa",
        "realm": RFC_REALM,
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": RFC_NONCE,
        "nc": "00000001",
        "cnonce": RFC_COUNTED,
        "qop": "auth",
        "response": response,
        "opaque": RFC_OPAQUE,
    }


def test_digest_when_without_qop_then_as_the_first_rfc_had_it() -> None:
    """RFC 2069, 2.4, with the response that its errata correct."""
    fields = answered(
        'Digest realm="testrealm@host.com", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"',
        Credentials("Mufasa", Secret("CircleOfLife")),
    )
    assert fields["response"] == "1949323746fe6a43ef61f9606e7febea"
    assert fields.keys().isdisjoint({"algorithm", "qop", "nc", "cnonce"})


def test_digest_when_of_a_session_then_with_both_nonces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _: "ours")
    fields = answered(
        'Digest realm="r", nonce="theirs", qop=auth, algorithm=MD5-sess',
        Credentials("user", Secret("word")),
    )
    assert fields["algorithm"] == "MD5-sess"
    # Computed with the openssl program, step by step.
    assert fields["response"] == "054a26025246419f4ba914e65b630d95"


def test_digest_when_asked_again_then_counted() -> None:
    authenticator = Authenticator(MUFASA)
    assert authenticator.header("GET", "/") is None
    authenticator.take(parse_challenges(['Digest nonce="a", qop="auth", realm="r"']))
    first, second = (authenticator.header("GET", "/") or "" for _ in range(2))
    assert "nc=00000001" in first
    assert "nc=00000002" in second
    authenticator.take(parse_challenges(['Digest nonce="b", qop="auth", realm="r"']))
    assert "nc=00000001" in (authenticator.header("GET", "/") or "")


def test_digest_when_names_hold_quotes_then_escaped() -> None:
    authenticator = Authenticator(Credentials('a"b\\c', Secret("x")))
    authenticator.take(parse_challenges([r'Digest realm="the \"bed\"", nonce="n"']))
    header = authenticator.header("GET", '/?a="') or ""
    assert r'username="a\"b\\c"' in header
    assert r'realm="the \"bed\""' in header


def test_basic_when_asked_for_then_in_utf_8() -> None:
    authenticator = Authenticator(Credentials("jürgen", Secret("a:b c")))
    assert authenticator.take(parse_challenges(['basic realm="cam"']))
    header = authenticator.header("GET", "/") or ""
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == "jürgen:a:b c"


CHOICES = [
    (['Basic realm="c"', 'Digest realm="c", nonce="n", qop="auth"'], "Digest"),
    (['Digest realm="c", nonce="n", qop="auth"', 'Basic realm="c"'], "Digest"),
    (['Basic realm="c", Digest realm="c", nonce="n"'], "Digest"),
    (['Digest realm="c", nonce="n", algorithm=MD5, Basic realm="c"'], "Digest"),
    (['Digest realm="c", nonce="n", qop="auth-int"', "Basic"], "Basic"),
    (['Digest realm="c", nonce="n", algorithm=SHA-512-256', 'Basic realm="c"'], "B"),
    (['Digest realm="c"', 'Basic realm="c"'], "Basic"),
    (["Negotiate", 'NTLM TlRMTVNTUAACAAAAA==, Basic realm="c"'], "Basic"),
    # Without the commas between, or with blanks where none belong.
    (['Digest realm="c" nonce="n" qop="auth"'], "Digest"),
    (['DIGEST  realm = "c" ,nonce = n,, qop=auth'], "Digest"),
]


@pytest.mark.parametrize(("headers", "scheme"), CHOICES)
def test_challenges_when_there_are_several_then_the_best_known_one(
    headers: list[str], scheme: str
) -> None:
    authenticator = Authenticator(MUFASA)
    assert authenticator.take(parse_challenges(headers))
    assert (authenticator.header("GET", "/") or "").startswith(scheme)


def test_challenges_when_two_digests_are_offered_then_sha_256() -> None:
    digests = [
        f'Digest realm="c", nonce="{name}", algorithm={name}, qop=auth'
        for name in ("MD5", "SHA-256")
    ]
    for headers in (digests, digests[::-1]):
        authenticator = Authenticator(MUFASA)
        authenticator.take(parse_challenges(headers))
        assert "algorithm=SHA-256" in (authenticator.header("GET", "/") or "")


@pytest.mark.parametrize(
    "headers", [[], [""], ["Negotiate"], ["Bearer realm=x"], ["=,=", '"'], ["Digest"]]
)
def test_challenges_when_none_is_known_then_there_is_no_answer(
    headers: list[str],
) -> None:
    authenticator = Authenticator(MUFASA)
    assert not authenticator.take(parse_challenges(headers))
    assert authenticator.header("GET", "/") is None


@pytest.mark.parametrize(
    ("written", "is_stale"),
    [("stale=true", True), ('stale="TRUE"', True), ("stale=false", False), ("", False)],
)
def test_challenge_when_stale_then_known(written: str, is_stale: bool) -> None:
    (challenge,) = parse_challenges([f'Digest realm="c", nonce="n", {written}'])
    assert challenge.is_stale is is_stale


@given(st.text(max_size=200))
def test_challenges_when_anything_is_written_then_no_error(header: str) -> None:
    Authenticator(MUFASA).take(parse_challenges([header]))


def test_challenges_when_hostile_then_read_in_no_time() -> None:
    begin_s = time.monotonic()
    for hostile in ('a="' + "\\" * 8000, "a" * 8000 + "(", "a=b," * 2000, "," * 8000):
        parse_challenges([hostile])
    assert time.monotonic() - begin_s < 1.0
