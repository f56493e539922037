# Tests of lists of networks, and of clients behind proxies.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is uncertain is None, and None is nobody; a client cannot choose its address."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.networks import (
    Networks,
    client_address,
    networks,
    parse_address,
    peer_address,
)

LOOPBACK = networks("loopback")
PROXIES = networks("loopback, 10.0.0.2")
NGINX = ("127.0.0.1", 40000)
XFF = "X-Forwarded-For"

LISTS = [
    ("none", ()),
    ("192.168.1.5", ("192.168.1.5/32",)),
    ("192.168.1.0/24", ("192.168.1.0/24",)),
    ("10.0.0.0/8, fd00::/8", ("10.0.0.0/8", "fd00::/8")),
    ("10.0.0.1\n10.0.0.2 ,10.0.0.3", ("10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32")),
    ("10.0.0.1 10.0.0.1", ("10.0.0.1/32",)),
    ("::1", ("::1/128",)),
    ("Loopback", ("127.0.0.0/8", "::1/128")),
    ("::ffff:192.168.1.0/120", ("192.168.1.0/24",)),
    ("0.0.0.0/0 ::/0", ("0.0.0.0/0", "::/0")),
]
MISTAKES = [
    ("", "is empty"),
    (" , ", "is empty"),
    ("192.168.1.5/24", "192.168.1.0/24"),
    ("fd00::5/8", "fd00::/8"),
    ("printer.local", "neither an IP address, nor a network"),
    ("192.168.1.", "neither"),
    ("192.168.1.0/33", "neither"),
    ("192.168.01.1", "neither"),
    ("*", "neither"),
    ("10.0.0.1;10.0.0.2", "neither"),
    (" ".join(f"10.0.0.{n}" for n in range(65)), "more than 64"),
]
ADDRESSES = [
    ("192.168.1.5", "192.168.1.5"),
    (" 192.168.1.5 ", "192.168.1.5"),
    ("192.168.1.5:8080", "192.168.1.5"),
    ("::1", "::1"),
    ("[fd00::5]", "fd00::5"),
    ("[fd00::5]:443", "fd00::5"),
    ("fe80::1%eth0", "fe80::1"),
    ("::ffff:192.168.1.5", "192.168.1.5"),
    ("[::ffff:192.168.1.5]:80", "192.168.1.5"),
]
NO_ADDRESSES = [
    "",
    "unknown",
    "_hidden",
    "1.2.3",
    "1.2.3.4:",
    "1.2.3.4:x",
    "1.2.3.4:123456",
    "1.2.3.4, 5.6.7.8",
    "[::1",
    "[::1]80",
    "[::1]:x",
    "::g",
    "\u0661.1.1.1",
    "a" * 5000,
]
HEADERS: list[tuple[list[tuple[str, str]], str | None]] = [
    ([(XFF, "192.168.1.5")], "192.168.1.5"),
    ([("x-forwarded-FOR", "192.168.1.5")], "192.168.1.5"),
    # What a client wrote stands before what the proxy appended.
    ([(XFF, "127.0.0.1, 192.168.1.5")], "192.168.1.5"),
    ([(XFF, "nonsense, 192.168.1.5")], "192.168.1.5"),
    ([(XFF, "1.1.1.1"), (XFF, "192.168.1.5")], "192.168.1.5"),
    # From proxy to proxy.
    ([(XFF, "192.168.1.5, 10.0.0.2")], "192.168.1.5"),
    ([(XFF, "192.168.1.5, 10.0.0.2"), ("X-Real-IP", "10.0.0.2")], "192.168.1.5"),
    ([(XFF, "127.0.0.1")], "127.0.0.1"),
    ([("X-Real-IP", "fd00::5")], "fd00::5"),
    ([("X-Real-IP", "192.168.1.5"), (XFF, "192.168.1.5")], "192.168.1.5"),
    ([("Forwarded", "for=192.168.1.5")], "192.168.1.5"),
    ([("Forwarded", 'for=1.1.1.1, FOR="[fd00::5]:47";by=10.0.0.2')], "fd00::5"),
    ([("Forwarded", 'proto=http; for="192.168.1.5:80"')], "192.168.1.5"),
    # One of the two is an invention.
    ([("X-Real-IP", "192.168.1.5"), (XFF, "10.9.9.9")], None),
    ([("Forwarded", "for=10.9.9.9"), (XFF, "192.168.1.5")], None),
    ([("Forwarded", "for=unknown"), (XFF, "192.168.1.5")], None),
    ([("X-Real-IP", "127.0.0.1"), (XFF, "10.0.0.2")], None),
    # Nothing, or nothing that makes sense.
    ([], None),
    ([("Host", "printer")], None),
    ([(XFF, "")], None),
    ([(XFF, "192.168.1.5,")], None),
    ([(XFF, "192.168.1.5, unknown")], None),
    ([(XFF, "192.168.1.5 10.0.0.2")], None),
    ([("Forwarded", "by=192.168.1.5")], None),
    ([("Forwarded", "for=_secret")], None),
    ([("Forwarded", 'for="')], None),
    ([("Forwarded", "xfor=192.168.1.5")], None),
    ([(XFF, "192.168.1.5," + "127.0.0.1," * 20 + "127.0.0.1")], None),
]


@pytest.mark.parametrize(("text", "expected"), LISTS)
def test_networks_when_well_written_then_in_order_and_once(
    text: str, expected: tuple[str, ...]
) -> None:
    assert networks(text).members == tuple(map(ip_network, expected))


@pytest.mark.parametrize(("text", "sentence"), MISTAKES)
def test_networks_when_mistaken_then_the_sentence_says_what_helps(
    text: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        networks(text)


def test_networks_when_asked_then_only_their_addresses_are_in() -> None:
    private = networks("private")
    for inside in ("10.1.2.3", "172.31.0.1", "192.168.0.9", "fd00::1", "fe80::1"):
        assert ip_address(inside) in private
    for outside in ("127.0.0.1", "172.32.0.1", "8.8.8.8", "::1", "2001:db8::1"):
        assert ip_address(outside) not in private
    assert None not in networks("0.0.0.0/0 ::/0")
    assert ip_address("10.0.0.1") not in Networks()
    assert not networks("none")


def test_networks_when_compared_then_they_overlap_across_sizes() -> None:
    assert networks("0.0.0.0/0").overlaps(LOOPBACK)
    assert networks("127.0.0.1 10.0.0.1").overlaps(LOOPBACK)
    assert networks("::/0").overlaps(LOOPBACK)
    assert not networks("private").overlaps(LOOPBACK)


@pytest.mark.parametrize(("text", "expected"), ADDRESSES)
def test_address_when_written_as_headers_do_then_found(
    text: str, expected: str
) -> None:
    assert parse_address(text) == ip_address(expected)


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_address_when_none_then_none(text: str) -> None:
    assert parse_address(text) is None


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (("192.168.1.5", 4711), "192.168.1.5"),
        (("fe80::1%eth0", 4711, 0, 2), "fe80::1"),
        (("::ffff:10.0.0.1", 4711, 0, 0), "10.0.0.1"),
        ("", "127.0.0.1"),
        ("/run/prusacam.sock", "127.0.0.1"),
        (b"\0abstract", "127.0.0.1"),
        ("192.168.1.5", "192.168.1.5"),
    ],
)
def test_peer_when_connected_then_it_has_an_address(
    peer: object, expected: str
) -> None:
    assert peer_address(peer) == ip_address(expected)


@pytest.mark.parametrize("peer", [None, (), ("nonsense", 1), "nonsense", 7])
def test_peer_when_gone_or_odd_then_nobody(peer: object) -> None:
    assert peer_address(peer) is None
    assert client_address(peer, [(XFF, "127.0.0.1")], LOOPBACK) is None


@pytest.mark.parametrize(("headers", "expected"), HEADERS)
def test_client_when_behind_a_trusted_proxy_then_the_last_that_is_none(
    headers: list[tuple[str, str]], expected: str | None
) -> None:
    client = client_address(NGINX, headers, PROXIES)
    assert client == (None if expected is None else ip_address(expected))


@pytest.mark.parametrize("header", [XFF, "X-Real-IP", "Forwarded"])
def test_client_when_it_invents_a_header_then_its_own_address_counts(
    header: str,
) -> None:
    claim = "for=127.0.0.1" if header == "Forwarded" else "127.0.0.1"
    client = client_address(("192.168.1.66", 1), [(header, claim)], LOOPBACK)
    assert client == ip_address("192.168.1.66")


def test_client_when_no_proxy_is_trusted_then_the_peer() -> None:
    client = client_address(NGINX, [(XFF, "192.168.1.5")], Networks())
    assert client == ip_address("127.0.0.1")


def test_client_when_proxied_over_a_unix_socket_then_the_forwarded_one() -> None:
    client = client_address("", [(XFF, "192.168.1.5")], LOOPBACK)
    assert client == ip_address("192.168.1.5")
    assert client_address("", [], LOOPBACK) is None


@given(st.lists(st.tuples(st.sampled_from([XFF, "X-Real-IP", "Forwarded"]), st.text())))
def test_client_when_headers_are_anything_then_nothing_raises(
    headers: list[tuple[str, str]],
) -> None:
    client = client_address(NGINX, headers, LOOPBACK)
    assert client is None or client.version in (4, 6)
