# From messages to octets and back.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where protobuf is parsed and made.

What comes from a peer may be anything: a message is bounded, parsed as a whole or not
at all, and never raises but MessageMalformed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import attrs
from google.protobuf.message import DecodeError, EncodeError

from moonraker_prusacam.errors import MessageMalformed, MessageUnsupported

from .profiles import PROFILES

if TYPE_CHECKING:
    from google.protobuf.message import Message as Packed

    from .messages import Message
    from .profiles import Layout, Profile

MAX_MESSAGE_BYTES = 64 << 10
"""The longest known message is a page of files, of about 1 KiB."""

M = TypeVar("M", bound="Message")


class Codec:
    """Packs and unpacks the messages of one profile, ``seed`` or ``wire``."""

    def __init__(self, profile: str) -> None:
        self._profile: Profile = PROFILES[profile]

    @property
    def profile(self) -> str:
        """The name of the layout."""
        return self._profile.name

    def decode(self, kind: type[M], octets: object) -> M:
        """The message in ``octets``; raises MessageMalformed, MessageUnsupported."""
        layout = self._layout(kind)
        if not isinstance(octets, bytes | bytearray | memoryview):
            raise MessageMalformed(
                f"{kind.__name__} came as {type(octets).__name__}, not as octets"
            )
        if len(octets) > MAX_MESSAGE_BYTES:
            raise MessageMalformed(f"{kind.__name__} has {len(octets)} octets")
        raw = bytes(octets)
        packed = _parse(layout, raw, kind.__name__)
        values = {name: field.read(packed) for name, field in layout.fields.items()}
        return kind(raw=raw, **values)

    def encode(self, message: Message) -> bytes:
        """The octets of ``message``, with what nobody knows of ``message.raw``.

        Raises MessageUnsupported where the profile has no place for a value, and
        MessageMalformed where a value does not fit.
        """
        kind = type(message)
        layout = self._layout(kind)
        packed = _parse(layout, message.raw, kind.__name__)
        for attribute in attrs.fields(kind):
            if attribute.name == "raw":
                continue
            value = getattr(message, attribute.name)
            field = layout.fields.get(attribute.name)
            if field is None:
                if value != attribute.default:
                    raise MessageUnsupported(
                        f"the profile '{self.profile}' has no place for "
                        f"'{attribute.name}' of {kind.__name__}"
                    )
                continue
            # What was read as nothing, since nobody knows it, stays as it is.
            if field.read(packed) == value:
                continue
            try:
                field.write(packed, value)
            except (ValueError, TypeError, KeyError) as error:
                raise MessageMalformed(
                    f"'{attribute.name}' of {kind.__name__} does not fit into its field"
                ) from error
        try:
            octets = packed.SerializeToString()
        except (EncodeError, ValueError) as error:  # text with lone surrogates
            raise MessageMalformed(f"{kind.__name__} cannot be packed") from error
        if len(octets) > MAX_MESSAGE_BYTES:
            raise MessageMalformed(f"{kind.__name__} would have {len(octets)} octets")
        return octets

    def has(self, kind: type[Message]) -> bool:
        """Whether the profile knows this kind of message."""
        return kind in self._profile.layouts

    def fitting(self, message: M) -> M:
        """``message`` without the values that the profile has no place for."""
        places = self._layout(type(message)).fields
        lost = {
            attribute.name: attribute.default
            for attribute in attrs.fields(type(message))
            if attribute.name not in places and attribute.name != "raw"
        }
        return attrs.evolve(message, **lost)

    def _layout(self, kind: type[Message]) -> Layout:
        try:
            return self._profile.layouts[kind]
        except KeyError:
            raise MessageUnsupported(
                f"the profile '{self.profile}' has no {kind.__name__}"
            ) from None


def _parse(layout: Layout, raw: bytes, name: str) -> Packed:
    packed = layout.packed()
    try:
        packed.ParseFromString(raw)
    except (DecodeError, ValueError, RecursionError) as error:
        raise MessageMalformed(f"{name} of {len(raw)} octets is no protobuf") from error
    return packed
