"""What a cubin says of its kernel: registers of a thread, and bytes of its stack."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

ATTRIBUTES = {0x2F: "registers", 0x11: "stack_bytes"}
"""Attribute (EIATTR_REGCOUNT, EIATTR_FRAME_SIZE) -> what it tells; its value is a symbol and a number."""
SIZED_VALUE = 4
"""The format of an attribute whose value follows; that of others lies in place of its size."""


@dataclass(frozen=True)
class Resources:
    """What a thread takes; spilled registers are part of the stack."""

    registers: int
    stack_bytes: int


def resources(cubin: bytes) -> Resources:
    """Reads the resources of the only kernel of a cubin."""
    found = {}
    for section in _sections(cubin, ".nv.info"):
        at = 0
        while at < len(section):
            form, attribute, size = struct.unpack_from("<BBH", section, at)
            at += 4
            if form == SIZED_VALUE:
                if attribute in ATTRIBUTES:
                    _, found[ATTRIBUTES[attribute]] = struct.unpack_from("<II", section, at)
                at += size
    return Resources(**found)


def _sections(elf: bytes, prefix: str) -> Iterator[bytes]:
    table, entry, count, names = (
        *struct.unpack_from("<Q", elf, 40),
        *struct.unpack_from("<HHH", elf, 58),
    )
    # Each entry: name, type, flags, address, offset, size, …
    entries = [struct.unpack_from("<IIQQQQ", elf, table + index * entry) for index in range(count)]
    for name, _, _, _, offset, size in entries:
        start = entries[names][4] + name
        if elf[start : elf.index(b"\0", start)].startswith(prefix.encode()):
            yield elf[offset : offset + size]
