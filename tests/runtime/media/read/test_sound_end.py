"""The end of a film's sound, also where no header tells it."""

from __future__ import annotations

import av
import pytest

from clips import ClipMaker
from fomm_rt.media.read.sound_end import find_sound_end


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_the_end_of_the_sound(make_clip: ClipMaker, name: str) -> None:
    end = find_sound_end(make_clip(name, frames=10, audio="aac", audio_seconds=2))
    assert end == pytest.approx(2, abs=0.06)


def test_without_a_length_in_the_headers(make_clip: ClipMaker) -> None:
    clip = make_clip("live.mkv", frames=10, audio="aac", audio_seconds=2, container_options={"live": "1"})
    with av.open(str(clip)) as container:
        assert container.duration is None
    assert find_sound_end(clip) == pytest.approx(2, abs=0.06)


def test_a_silent_film_has_none(make_clip: ClipMaker) -> None:
    assert find_sound_end(make_clip(frames=3)) is None
