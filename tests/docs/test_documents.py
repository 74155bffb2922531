"""The documents: their length, links, paths, options and Python code."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer

from fomm_rt.bundled import bundled_avatars, bundled_model, bundled_performance
from fomm_rt.cli.app import build_app

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\S*)(.*?)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> set[str]:
    """Anchors of a document's headings, as Markdown viewers derive them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks(document: Path, language: str) -> list[str]:
    """Fenced code of a language; fences that say "notest" are left out."""
    found = FENCE.findall(document.read_text(encoding="utf-8"))
    return [code for name, rest, code in found if name == language and "notest" not in rest]


def test_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 180


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        assert file.exists(), f"{document.name}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{document.name}: {target}"


def test_every_guide_is_linked_from_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for guide in (ROOT / "docs").glob("*.md"):
        assert f"docs/{guide.name}" in text, guide.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_in_documents_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:runtime|export|kernels|benchmarks|tests|docs|examples)/[\w./-]+)`", text):
        assert "NAME" in path or (ROOT / path).exists(), f"{document.name}: {path}"


def test_where_do_i_find_answers_twelve_questions() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.split("## Where do I find")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| `(.+?)` \|$", section, re.MULTILINE)
    assert len(rows) >= 12
    assert all((ROOT / path).is_file() for _, path in rows)


def commands() -> dict[tuple[str, ...], Any]:
    """Every command of the command line by its words."""

    def walk(command: Any, words: tuple[str, ...]) -> dict[tuple[str, ...], Any]:
        found = {words: command}
        for name, child in getattr(command, "commands", {}).items():
            found |= walk(child, (*words, name))
        return found

    return walk(typer.main.get_command(build_app()), ())


@pytest.mark.parametrize("document", DOCUMENTS[:2] + DOCUMENTS[3:], ids=lambda path: path.name)
def test_commands_in_documents_exist_with_their_options(document: Path) -> None:
    known = commands()
    text = document.read_text(encoding="utf-8")
    lines = [line for _, _, code in FENCE.findall(text) for line in code.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`(fomm-rt [^`]+)`", text)
    for line in lines:
        match = re.search(r"(?:^|[ /$])fomm-rt ([a-z].*)", line)
        if match is None or line.startswith("#"):
            continue
        words = shlex.split(re.split(r"  +#|\s{3,}", match[1])[0].replace("…", ""), comments=True)
        found = max((key for key in known if tuple(words[: len(key)]) == key), key=len)
        assert found, f"{document.name}: {line}"
        options = {name for parameter in known[found].params for name in (*parameter.opts, *parameter.secondary_opts)}
        given = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
        assert set(given) <= {*options, "--help"}, f"{document.name}: {line}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_in_documents_runs(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, avatar in zip(("portrait.png", "other.png"), bundled_avatars(), strict=False):
        shutil.copy(avatar, name)
    shutil.copy(bundled_performance(), "talking.mp4")
    shutil.copytree(bundled_model(), "model")
    for code in blocks(document, "python"):
        exec(compile(code, str(document), "exec"), {"__name__": "__main__"})
