"""The files of the page, read without a browser: texts in both languages, no address elsewhere, nothing inline."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import cast, get_args

import pytest

import fomm_rt
from fomm_rt.studio.refusal import Reason

STATIC = Path(fomm_rt.__file__).parent / "studio" / "static"
LANGUAGES = ("en", "zh")
SCRIPTS = sorted(STATIC.glob("js/**/*.js"))
KEY = re.compile(r'["`]([a-z]+\.[a-z0-9_.-]+)["`]')
# Keys that scripts put together, and keys for names that the server sends.
BUILT = (
    r"(picture|driver)\.(choose|drop|wanted|hint|title|clear|unusable|square_[a-z]+)",
    r"options\.(smooth_|start|length)",
    r"gallery\.",
    r"live\.",
    r"history\.(waiting|running|failed|cancelled)",
    r"stage\.",
    r"theme\.",
    r"models\.[a-z-]+\.(title|description|warning)",
)


def _texts(language: str) -> dict[str, str]:
    return cast("dict[str, str]", json.loads((STATIC / "i18n" / f"{language}.json").read_text(encoding="utf-8")))


def _own_texts(language: str) -> dict[str, str]:
    """Without those for sentences of the studio, which are English by themselves."""
    return {key: text for key, text in _texts(language).items() if not key.startswith("reason.")}


def _used() -> set[str]:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (STATIC / "index.html", *SCRIPTS))
    return set(KEY.findall(sources))


def test_both_languages_have_the_same_texts_and_values() -> None:
    english, chinese = (_own_texts(language) for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    values = {key: [set(re.findall(r"\{\w+\}", texts[key])) for texts in (english, chinese)] for key in english}
    assert [key for key, (one, other) in values.items() if one != other] == []


def test_each_reason_of_a_refusal_has_a_chinese_sentence() -> None:
    reasons = {reason for part in get_args(Reason) for reason in get_args(part) or (part,)}
    assert {key for key in _texts("zh") if key.startswith("reason.")} == {f"reason.{reason}" for reason in reasons}


def test_chinese_texts_are_chinese() -> None:
    without = [key for key, text in _texts("zh").items() if not re.search(r"[\u4e00-\u9fff]", text)]
    assert all(re.fullmatch(r"[\W\d]*(\{\w+\}[\W\d]*)+", _texts("zh")[key]) for key in without)


def test_every_text_is_used() -> None:
    unused = [key for key in _texts("en") if key not in _used() and not any(re.match(built, key) for built in BUILT)]
    assert unused == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(STATIC)))
def test_scripts_import_only_what_is_there(path: Path) -> None:
    for name in re.findall(r'(?:from|import\()\s*"(\.[^"]+)"', path.read_text(encoding="utf-8")):
        assert (path.parent / name).is_file(), name


def test_no_file_names_another_host() -> None:
    for path in STATIC.rglob("*.*"):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert re.findall(r"https?://[\w.]+|//[a-z]+\.[a-z]+", text) == [], path


def test_markup_holds_no_script_style_or_listener() -> None:
    markup = (STATIC / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", markup) == []
    for path in SCRIPTS:
        assert not re.search(r"innerHTML|insertAdjacentHTML|\beval\(|new Function", path.read_text(encoding="utf-8")), (
            path
        )
