"""The output folder of an export: only a complete model replaces an earlier one; nothing else is ever replaced."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fomm_rt.errors import FommError, OutputError
from fomm_rt.files.exchange import exchange
from fomm_rt.files.hidden_folder import HiddenFolder
from fomm_rt.files.leftovers import remove_leftovers
from fomm_rt.files.moves import put_in_place
from fomm_rt.files.overwriting import Overwrite, check_overwrite
from fomm_rt.files.staging import check_target, refuse_foreign_links, reporting_failures
from fomm_rt.model.manifest import MANIFEST_NAME, read_manifest


def check_output(output: Path, overwrite: Overwrite = True) -> None:
    """Checks that a model can be written to a folder and replaces nothing but an earlier model.

    Raises:
        OutputError: It is a file, holds other files, cannot be created, or is a model that may not be overwritten.
    """
    with reporting_failures(output):
        refuse_foreign_links(output)
    if output.resolve() in (Path.cwd(), *Path.cwd().parents):
        raise OutputError(f"{output}: expected a new folder or an earlier model; choose another with -o")
    if not output.exists() and not output.is_symlink():
        check_target(output)
        return
    if not output.is_dir() or output.is_symlink():
        raise OutputError(f"{output}: expected a new folder or an earlier model; it is a file or link")
    found = {path.name for path in output.iterdir()}
    if not found:
        return
    try:
        manifest = read_manifest(output)
    except (FommError, OSError) as error:
        raise OutputError(
            f"{output}: expected a new folder or an earlier model; it holds other files. Choose another with -o"
        ) from error
    others = found - {MANIFEST_NAME} - {file.file for file in manifest.files}
    if others:
        raise OutputError(
            f"{output}: holds an earlier model, but also {min(others)}, which would be lost; "
            "move it away or choose another folder with -o"
        )
    check_overwrite([output], overwrite)


@contextmanager
def replacing_model(output: Path) -> Iterator[Path]:
    """Yields an empty folder that takes the output's place at the end of the block, or vanishes if the block fails.

    Raises:
        OutputError: See `check_output`, or a file cannot be written.
    """
    check_output(output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(output.parent)
        with HiddenFolder(output.parent) as hidden:
            staged = hidden.new / output.name
            staged.mkdir()
            yield staged
            _put_in_place(hidden, output)
    except OSError as error:
        raise OutputError(
            f"{output}: cannot be written ({error.strerror}); nothing was kept. Free some space or "
            + _another_folder(output)
        ) from error


def _put_in_place(hidden: HiddenFolder, output: Path) -> None:
    staged = hidden.new / output.name
    if not output.exists():
        staged.rename(output)
        return
    check_output(output)  # minutes have passed since the first check
    # Elsewhere than on local file systems of Linux and macOS, the name is gone for a moment.
    if not exchange(staged, output):
        put_in_place(hidden)


def _another_folder(output: Path) -> str:
    # The benchmark exports to a temporary folder and has no -o. gettempdir() would try to write, which may fail again.
    if tempfile.tempdir is not None and Path(tempfile.tempdir).resolve() in output.resolve().parents:
        return "choose another folder with -o, or with the environment variable TMPDIR if this one is temporary"
    return "choose another folder with -o"
