from __future__ import annotations

import pytest

from fomm_rt.live.outputs.window import text
from fomm_rt.live.outputs.window.text import BOLD, line_height, line_of, shortened, width_of, wrapped


@pytest.fixture(params=["fonts", "strokes"], autouse=True)
def lettering(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Letters as this OpenCV draws them, and as version 4 does, which has no fonts."""
    name = str(request.param)
    if name == "strokes":
        monkeypatch.setattr(text, "has_fonts", lambda: False)
    elif not text.has_fonts():
        pytest.skip("this OpenCV has no fonts")
    line_of.cache_clear()
    return name


@pytest.mark.parametrize("size", [9, 14, 30])
def test_a_line_is_as_high_as_its_size_says_and_within_its_edges(size: int) -> None:
    coverage = line_of("agypten Qjg", size)
    assert coverage.shape[0] == line_height(size)
    assert coverage.max() > 200
    assert coverage[0].max() == 0
    assert coverage[-1].max() == 0


def test_width_follows_the_text() -> None:
    assert 0 < width_of("one", 14) < width_of("one two", 14) < width_of("one two", 20)
    assert width_of("", 14) >= 1
    assert width_of("Latency", 14, BOLD) > 0


def test_a_long_line_is_not_wrapped_by_opencv() -> None:
    assert width_of("W" * 100, 14) > 95 * width_of("W", 14) * 0.8
    assert (line_of("W" * 100, 14).max(axis=0) > 0).mean() > 0.8


def test_other_letters(lettering: str) -> None:
    assert line_of("日本 é ß …", 14).max() > 0
    if lettering == "strokes":
        assert (line_of("é…×", 14) == line_of("e...x", 14)).all()


def test_control_characters_are_spaces() -> None:
    assert (line_of("a\nb\tc", 14) == line_of("a b c", 14)).all()


def test_shortened_text_fits() -> None:
    assert shortened("short", 14, 500) == "short"
    cut = shortened("a name that is far too long for its place", 14, 100)
    assert cut.endswith("…")
    assert width_of(cut, 14) <= 100
    assert width_of(cut[:-1] + "mm…", 14) > 100
    assert shortened("anything", 14, 1) == "…"


def test_wrapped_text_fits_and_loses_nothing() -> None:
    sentence = "The camera Logitech C920 was unplugged; waiting for it to come back."
    lines = wrapped(sentence, 14, 200, 9)
    assert " ".join(lines) == sentence
    assert len(lines) > 1
    assert all(width_of(line, 14) <= 200 for line in lines)


def test_text_beyond_the_last_line_is_cut_off() -> None:
    lines = wrapped("one two three four five six seven eight nine ten", 14, 100, 2)
    assert len(lines) == 2
    assert lines[1].endswith("…")
    assert wrapped("/a/path/without/any/spaces/that/is/longer/than/the/line", 14, 100, 3)[0].endswith("…")
    assert wrapped("", 14, 100, 2) == []
