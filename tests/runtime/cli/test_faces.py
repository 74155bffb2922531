"""fomm-rt faces."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fomm_bench.scenes import PlacedFace, background, scene
from fomm_rt.bundled import bundled_model
from fomm_rt.cli.app import build_app
from fomm_rt.faces.search import find_faces
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.write.picture import write_picture

HEIGHT, WIDTH = 480, 640
GROUP = (PlacedFace(1, (180, 200), 140), PlacedFace(4, (450, 250), 110))


@pytest.fixture
def group(tmp_path: Path) -> Path:
    path = tmp_path / "group.png"
    write_picture(path, scene(HEIGHT, WIDTH, *GROUP))
    return path


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(build_app(), ["faces", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output if code else result.stdout


def test_json_lists_faces_from_the_most_prominent(group: Path) -> None:
    document = json.loads(run(group, "--json"))
    assert (document["width"], document["height"]) == (WIDTH, HEIGHT)
    assert [face["number"] for face in document["faces"]] == [1, 2]
    for entry, drawn, face in zip(document["faces"], GROUP, find_faces(read_picture(group)), strict=True):
        assert entry["score"] == pytest.approx(face.score, abs=1e-3)
        assert entry["box"] == pytest.approx(face.box, abs=0.1)
        x, y, side, other = entry["square"]
        assert side == other == pytest.approx(1.5 * drawn.height, rel=0.2)
        assert (x + side / 2, y + side / 2) == pytest.approx(drawn.centre, abs=0.12 * drawn.height)


def test_squares_have_the_margin_of_the_model(group: Path) -> None:
    plain, bundled = (json.loads(run(group, "--json", *more))["faces"] for more in ([], ["-m", bundled_model()]))
    for face, wider in zip(plain, bundled, strict=True):
        assert wider["box"] == face["box"]
        assert wider["square"][2] == pytest.approx(face["square"][2] * 2.1 / 1.5, abs=2)


def test_marks_squares_in_a_picture(group: Path, tmp_path: Path) -> None:
    output = tmp_path / "numbered.png"
    text = run(group, "-o", output)
    assert "2 faces in 640×480" in text
    before, after = read_picture(group), read_picture(output)
    assert after.shape == before.shape
    x, y, side, _ = json.loads(run(group, "--json"))["faces"][0]["square"]
    assert (after[y, x : x + side] != before[y, x : x + side]).any(axis=-1).all()
    assert (after[y + side // 2, x + side // 3] == before[y + side // 2, x + side // 3]).all()


def test_no_face_is_a_result(tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    write_picture(path, background(100, 100))
    assert json.loads(run(path, "--json"))["faces"] == []
    assert "no faces in 100×100" in run(path)


def test_rejects_bad_outputs_and_inputs(group: Path, tmp_path: Path) -> None:
    assert "also an input" in run(group, "-o", group, code=1)
    assert "picture is written as" in run(group, "-o", tmp_path / "numbered.txt", code=1)
    assert "missing.png" in run(tmp_path / "missing.png", code=1)
