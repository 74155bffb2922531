"""Archives of arrays that are damaged or made to harm."""

from __future__ import annotations

import io
import random
import tracemalloc
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fomm_rt.clip.npz import UnreadableArrayError, read_arrays

MOST_BYTES = 1 << 20
ARRAYS: dict[str, Any] = {
    "value": np.arange(6, dtype=np.float32).reshape(2, 3),
    "text": np.array("é"),
    "count": np.int64(5),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.npz"


def header(text: str, content: bytes = b"") -> bytes:
    """A member of an archive: NumPy's format 1.0."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + content


def write(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reads_files_of_numpy(path: Path, save: object) -> None:
    assert callable(save)
    save(path, **ARRAYS, fortran=np.asfortranarray(ARRAYS["value"]), other=np.zeros(10**7))
    found = read_arrays(path, (*ARRAYS, "fortran", "absent"), MOST_BYTES)
    assert found.keys() == {*ARRAYS, "fortran"}
    for name, array in {**ARRAYS, "fortran": ARRAYS["value"]}.items():
        np.testing.assert_array_equal(found[name], array)


SHAPE = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}"


@pytest.mark.parametrize(
    "text",
    [
        SHAPE.replace("(2,)", "(2"),
        SHAPE.replace("'<f4'", "'<f4"),
        SHAPE.replace("(2,)", "(" * 300 + "2" + ")" * 300),
        SHAPE.replace("(2,)", "(-2,)"),
        SHAPE.replace("(2,)", "(True, 2)"),
        SHAPE.replace("(2,)", "(1099511627776, 1099511627776)"),
        SHAPE.replace("(2,)", "(3,)"),
        SHAPE.replace("(2,)", "(1,)"),
        SHAPE.replace("<f4", "|O"),
        SHAPE.replace("<f4", "<V4"),
        SHAPE.replace("'<f4'", "[('a', '<f4')]"),
        SHAPE.replace("'<f4'", "('<f4', (2,))"),
        SHAPE.replace("(2,)", "__import__('os')"),
        SHAPE.replace("(2,)", "0if"),  # Python's parser warns
        SHAPE + " " * 5000,
        "",
        "\0\n\\",
    ],
)
def test_damaged_headers(path: Path, text: str) -> None:
    write(path, value=header(SHAPE, bytes(8)))
    assert read_arrays(path, ["value"], MOST_BYTES)["value"].shape == (2,)
    write(path, value=header(text, bytes(8)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UnreadableArrayError, match="damaged or of another kind"):
            read_arrays(path, ["value"], MOST_BYTES)


def test_only_requested_arrays_are_read(path: Path) -> None:
    write(path, value=header(SHAPE, bytes(8)), bomb=bytes(1 << 28), damaged=b"x")
    tracemalloc.start()
    read_arrays(path, ["value"], MOST_BYTES)
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()


def test_large_arrays_are_refused_before_they_are_read(path: Path) -> None:
    write(path, bomb=bytes(1 << 28))
    tracemalloc.start()
    with pytest.raises(UnreadableArrayError, match="more than 1048576 bytes"):
        read_arrays(path, ["bomb"], MOST_BYTES)
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()


def test_an_endless_list_of_members_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(2000):
            archive.writestr(f"{i}.npy", b"")
    with pytest.raises(UnreadableArrayError):
        read_arrays(path, ["0"], MOST_BYTES)


@pytest.mark.parametrize("content", [b"", b"PK\5\6", b"x" * 1000, b"PK\6\7" + bytes(16) + b"PK\5\6" + bytes(18)])
def test_other_files(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(UnreadableArrayError):
        read_arrays(path, ["value"], MOST_BYTES)


def test_flipped_bytes(path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **ARRAYS)
    original, chance = buffer.getvalue(), random.Random(1)
    for _ in range(500):
        content = bytearray(original)
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path.write_bytes(content[: chance.randrange(len(content))] if chance.random() < 0.2 else content)
        with suppress(UnreadableArrayError):
            read_arrays(path, [*ARRAYS], MOST_BYTES)
