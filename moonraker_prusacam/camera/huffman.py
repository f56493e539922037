# The Huffman tables that cameras take as read.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typical Huffman tables of ITU-T T.81, Annex K.3, as one DHT segment.

UVC cameras leave them out of their MJPEG; browsers and libraries do not decode that.
"""

from __future__ import annotations

from typing import Final

_DC_VALUES: Final = bytes(range(12))
_AC_LUMINANCE_VALUES: Final = bytes.fromhex(
    "0102030004110512213141061351610722711432"
    "8191a1082342b1c11552d1f02433627282090a16"
    "1718191a25262728292a3435363738393a434445"
    "464748494a535455565758595a63646566676869"
    "6a737475767778797a838485868788898a929394"
    "95969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6"
    "b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8"
    "d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8"
    "f9fa"
)
_AC_CHROMINANCE_VALUES: Final = bytes.fromhex(
    "0001020311040521310612415107617113223281"
    "08144291a1b1c109233352f0156272d10a162434"
    "e125f11718191a262728292a35363738393a4344"
    "45464748494a535455565758595a636465666768"
    "696a737475767778797a82838485868788898a92"
    "939495969798999aa2a3a4a5a6a7a8a9aab2b3b4"
    "b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6"
    "d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8"
    "f9fa"
)


def _table(class_and_id: int, codes_by_length: str, values: bytes) -> bytes:
    """One table specification (T.81 B.2.4.2): class and id, 16 counts, the values."""
    return bytes([class_and_id]) + bytes.fromhex(codes_by_length) + values


def _segment(*tables: bytes) -> bytes:
    payload = b"".join(tables)
    return b"\xff\xc4" + (len(payload) + 2).to_bytes(2, "big") + payload


STANDARD_DHT: Final = _segment(
    _table(0x00, "00010501010101010100000000000000", _DC_VALUES),
    _table(0x10, "0002010303020403050504040000017d", _AC_LUMINANCE_VALUES),
    _table(0x01, "00030101010101010101010000000000", _DC_VALUES),
    _table(0x11, "00020102040403040705040400010277", _AC_CHROMINANCE_VALUES),
)
