"""Protobuf's wire format, read strictly: a field that is unknown, has another type or comes twice is an error.

Parsers treat such messages differently. Refusing them ensures that this check and the runtime that loads the file read
the same content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Wire types. Groups (3 and 4), which protobuf deprecated, are refused."""

Content = bytes | memoryview
"""A message or a part of it. Large parts are views, small ones bytes, which are read faster."""

_COPIED_BYTES = 4096
_LONGEST_VARINT = 10
_SMALL = 0x7F
"""The largest number of one byte."""
_FIXED_BYTES = {FIXED64: 8, FIXED32: 4}
_DAMAGED = "is cut or damaged, or not an ONNX file"


@dataclass(frozen=True)
class Field:
    """A field of a message: its name, its wire type, and True if it may come more than once."""

    name: str
    wire: int
    is_repeated: bool = False


Schema = Mapping[int, Field]
"""Field number -> field."""

Message = dict[str, list[Any]]
"""Field name -> its values: int of a varint, Content of all others. Fields that are missing have no entry."""


class WireError(ValueError):
    """A message is damaged or not as its schema says; the message continues a sentence that begins with a file."""


class WireReader:
    """Reads the messages of one file, of which no more than `most_fields` fields are read in total."""

    def __init__(self, most_fields: int) -> None:
        self._fields_left = most_fields

    def read(self, content: Content, schema: Schema, what: str) -> Message:
        """Reads one message, without the messages in it.

        Args:
            content: The message.
            schema: All fields that it may have.
            what: Names the message in errors.

        Raises:
            WireError: It is damaged or has other fields.
        """
        message: Message = {}
        at, end = 0, len(content)
        while at < end:
            self._count()
            key, at = _varint(content, at)
            field = schema.get(key >> 3)
            if field is None:
                raise WireError(f"has a field {key >> 3} in {what}, which is not understood" if key >> 3 else _DAMAGED)
            wire = key & 7
            value: Any
            if wire == VARINT:
                value, at = _varint(content, at)
            else:
                value, at = _part(content, at, wire)
            values = message.get(field.name)
            if values is None:
                values = message[field.name] = []
            if wire == LENGTH and field.is_repeated and field.wire != LENGTH:
                values += self._unpacked(value, field.wire)
            elif wire != field.wire:
                raise WireError(f"has {field.name} of another type in {what}")
            elif values and not field.is_repeated:
                raise WireError(f"has {field.name} twice in {what}")
            else:
                values.append(value)
        return message

    def _unpacked(self, content: Content, wire: int) -> Iterator[Any]:
        """Yields the values of a repeated number that were packed into one field."""
        at = 0
        while at < len(content):
            self._count()
            value: Any
            value, at = _varint(content, at) if wire == VARINT else _part(content, at, wire)
            yield value

    def _count(self) -> None:
        self._fields_left -= 1
        if self._fields_left < 0:
            raise WireError("has more fields than any model of this project")


def signed(value: int) -> int:
    """A varint as the int64 that it stands for."""
    return value - (1 << 64) if value >> 63 else value


def text(value: Content, what: str) -> str:
    """The text of a field.

    Raises:
        WireError: It is not UTF-8.
    """
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError as error:
        raise WireError(f"has a {what} that is not UTF-8") from error


def _part(content: Content, at: int, wire: int) -> tuple[Content, int]:
    """Returns what follows a key that is no varint, and where it ends."""
    if wire == LENGTH:
        size, at = _varint(content, at)
    else:
        size = _FIXED_BYTES.get(wire, len(content) + 1)  # a group, or no wire type
    end = at + size
    if end > len(content):
        raise WireError(_DAMAGED)
    part = content[at:end]
    return part.tobytes() if size <= _COPIED_BYTES and isinstance(part, memoryview) else part, end


def _varint(content: Content, at: int) -> tuple[int, int]:
    """Returns an unsigned number of at most 64 bits, and where it ends."""
    if at < len(content) and content[at] <= _SMALL:  # most numbers
        return content[at], at + 1
    value, shift = 0, 0
    for byte in content[at : at + _LONGEST_VARINT]:
        at += 1
        if byte <= _SMALL:
            value |= byte << shift
            if value >> 64:
                break
            return value, at
        value |= (byte & _SMALL) << shift
        shift += 7
    raise WireError(_DAMAGED)
