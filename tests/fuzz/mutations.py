"""Damages the content of files, as transfers, tools and attackers do; everything follows from a seed."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

Mutate = Callable[[bytes, bytes, Random], bytes]
"""Returns a changed content, given another content of the same format for splices, and a source of numbers."""

LIMITS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**64 - 1)
"""Numbers at which lengths, sizes and counts overflow."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LONGEST_BLOCK_BYTES = 4096


def nothing(content: bytes, _other: bytes, _random: Random) -> bytes:
    """Leaves the content as it is, for samples that are hostile themselves."""
    return content


def damage(content: bytes, other: bytes, random: Random) -> bytes:
    """Applies one to four changes to bytes."""
    for _ in range(random.choice((1, 1, 2, 4))):
        content = random.choice(_CHANGES)(content, other, random)
    return content


def _flip(content: bytes, _other: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 3, 16))):
        if changed:
            changed[_place(changed, random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def _overwrite(content: bytes, _other: bytes, random: Random) -> bytes:
    start = _place(content, random)
    return content[:start] + random.randbytes(random.randrange(1, 9)) + content[start + 8 :]


def _cut_end(content: bytes, _other: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _remove_block(content: bytes, _other: bytes, random: Random) -> bytes:
    start, end = _block(content, random)
    return content[:start] + content[end:]


def _repeat_block(content: bytes, _other: bytes, random: Random) -> bytes:
    start, end = _block(content, random)
    return content[:end] + content[start:end] * random.choice((1, 1, 2, 50)) + content[end:]


def _swap_blocks(content: bytes, _other: bytes, random: Random) -> bytes:
    first, second = sorted((_block(content, random), _block(content, random)))
    if first[1] > second[0]:
        return content
    (a, b), (c, d) = first, second
    return content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def _insert(content: bytes, _other: bytes, random: Random) -> bytes:
    start = _place(content, random)
    added = random.choice((random.randbytes(random.randrange(1, 64)), bytes(random.randrange(1, 4096)), b"\xff" * 64))
    return content[:start] + added + content[start:]


def _clear_block(content: bytes, _other: bytes, random: Random) -> bytes:
    start, end = _block(content, random)
    return content[:start] + random.choice((b"\0", b"\xff")) * (end - start) + content[end:]


def _set_number(content: bytes, _other: bytes, random: Random) -> bytes:
    """Puts a number at a limit somewhere, in one of eight encodings."""
    size = random.choice((1, 2, 4, 8))
    start = _place(content, random)
    number = (random.choice(LIMITS) + random.choice((-1, 0, 0, 1))) % (1 << 8 * size)
    return content[:start] + number.to_bytes(size, random.choice(("little", "big"))) + content[start + size :]


def _lie_about_length(content: bytes, _other: bytes, random: Random) -> bytes:
    """Changes a number that may be a length: one not larger than the content."""
    for _ in range(64):
        start, order = _place(content, random), random.choice(("<", ">"))
        field = content[start : start + 4]
        if len(field) == 4 and 0 < (length := struct.unpack(f"{order}I", field)[0]) <= len(content):
            lie = random.choice((length - 1, length + 1, length * 2, length * 1000, len(content), 2**31 - 1, 2**32 - 1))
            return content[:start] + struct.pack(f"{order}I", lie % 2**32) + content[start + 4 :]
    return _set_number(content, b"", random)


def _splice(content: bytes, other: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content) + 1)] + other[random.randrange(len(other) + 1) :]


def _insert_other(content: bytes, other: bytes, random: Random) -> bytes:
    start, (first, last) = _place(content, random), _block(other, random)
    return content[:start] + other[first:last] + content[start:]


_CHANGES: tuple[Mutate, ...] = (
    _flip, _flip, _flip, _overwrite, _cut_end, _remove_block, _repeat_block, _swap_blocks, _insert, _clear_block,
    _set_number, _set_number, _lie_about_length, _lie_about_length, _splice, _insert_other,
)  # fmt: skip


def _place(content: bytes | bytearray, random: Random) -> int:
    """A position; half of the time in the first kilobyte, where headers are."""
    end = min(len(content), 1024) if random.random() < 0.5 else len(content)
    return random.randrange(max(1, end))


def _block(content: bytes, random: Random) -> tuple[int, int]:
    start = _place(content, random)
    return start, min(len(content), start + 1 + int(_LONGEST_BLOCK_BYTES ** random.random()))


def in_png_chunk(content: bytes, other: bytes, random: Random) -> bytes:
    """Damages one chunk of a PNG and gives it the right checksum."""
    chunks, position = [], len(_PNG_SIGNATURE)
    while position + 12 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        chunks.append((content[position + 4 : position + 8], content[position + 8 : position + 8 + length]))
        position += 12 + length
    if not chunks:
        return damage(content, other, random)
    number = random.randrange(len(chunks))
    name, body = chunks[number]
    if name in {b"IDAT", b"fdAT"} and random.random() < 0.5:
        body = _deflated(body, other, random)
    else:
        body = damage(body, other, random)
    chunks[number] = name, body
    if random.random() < 0.1:
        random.shuffle(chunks)
    joined = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return _PNG_SIGNATURE + joined


def _deflated(body: bytes, other: bytes, random: Random) -> bytes:
    try:
        return zlib.compress(damage(zlib.decompress(body), other, random))
    except zlib.error:
        return damage(body, other, random)


def in_zip_member(content: bytes, other: bytes, random: Random) -> bytes:
    """Damages one member of a ZIP archive, or its name, and writes the archive anew."""
    target = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w") as written:
            names = source.namelist()
            chosen, also = random.choice(names), random.choice(names)
            for name in names:
                member = source.read(name)
                if name == chosen:
                    choice = random.randrange(10)
                    if choice == 0:
                        continue
                    if choice == 1:
                        name = random.choice((name + "2", "../" + name, also))  # noqa: PLW2901
                    else:
                        # Small changes at the head of a member reach more code than a wild one.
                        member = random.choice((damage, _flip, _set_number))(member, source.read(also), random)
                    if choice == 2:
                        member = bytes(1 << 24)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # a name that is there twice
                    written.writestr(
                        zipfile.ZipInfo(name), member, random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
                    )
    except (zipfile.BadZipFile, ValueError):
        return damage(content, other, random)
    return target.getvalue()


def in_json_value(content: bytes, other: bytes, random: Random) -> bytes:
    """Changes values and keys of a JSON document, which stays one."""
    try:
        document = json.loads(content)
    except ValueError:
        return damage(content, other, random)
    for _ in range(random.choice((1, 1, 2))):
        document = with_changed_value(document, random)
    return json.dumps(document).encode()


def with_changed_value(document: Any, random: Random) -> Any:
    """Returns a document of dicts and lists with one value or key changed."""
    if isinstance(document, dict) and document and random.random() < 0.9:
        key = random.choice(sorted(document, key=str))
        choice = random.randrange(12)
        changed = dict(document)
        if choice == 0:
            del changed[key]
        elif choice == 1:
            changed[str(_strange_value(random))[:100]] = changed.pop(key)
        elif choice == 2:
            changed[key] = document[random.choice(sorted(document, key=str))]
        else:
            changed[key] = with_changed_value(document[key], random)
        return changed
    if isinstance(document, list) and document and random.random() < 0.8:
        place = random.randrange(len(document))
        if random.random() < 0.2:
            return document[:place] + document[place:] * random.choice((0, 2, 1000))
        return [*document[:place], with_changed_value(document[place], random), *document[place + 1 :]]
    return _strange_value(random, document)


def _strange_value(random: Random, value: Any = None) -> Any:
    if isinstance(value, str) and value and random.random() < 0.3:
        place = random.randrange(len(value))
        return value[:place] + chr(random.choice((0, 9, 27, 65, 0x202E, 0xD7FF, 0x1F600))) + value[place + 1 :]
    if isinstance(value, (int, float)) and random.random() < 0.4:
        return random.choice((-value, value + 1, value * 2, value * 1000, value / 3, value**2))
    deep: Any = 0
    if random.random() < 0.05:
        for _ in range(900):
            deep = [deep]
    return random.choice((*_STRANGE, *LIMITS, deep))


_STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, 1e300, -1e-300, 10**30, "", "0", "..", "../../etc/passwd", "/", "\0",
    "\x1b[31mred", "a\nb", "é", "x" * 5000, [], {}, [None], {"a": 1},
)  # fmt: skip
