"""Tables of jobs, and the faults that stop a run before its first job."""

from __future__ import annotations

from pathlib import Path

import pytest

from fomm_rt import BatchError
from fomm_rt.batch.checks import check_jobs
from fomm_rt.batch.columns import fields_of
from fomm_rt.batch.job import Job
from fomm_rt.batch.reading import ReadJobs, read_jobs
from fomm_rt.batch.table import Faults


def read(folder: Path, text: str, name: str = "jobs.csv", **defaults: str) -> ReadJobs:
    path = folder / name
    path.write_bytes(text.encode())
    found = read_jobs(path, None, fields_of(defaults), ".mp4")
    faults = Faults(str(path))
    check_jobs(found.placed, found.inputs, folder / "out", faults)
    faults.check()
    return found


def jobs_of(folder: Path, text: str, name: str = "jobs.csv", **defaults: str) -> list[Job]:
    return [placed.job for placed in read(folder, text, name, **defaults).placed]


EXPECTED = [
    Job(source="a.png", driving="t.mp4", output="a.mp4", smooth=0.5, relative=False, start_s=62.5),
    Job(source="b, c.png", driving="t.mp4", output="x/b.webm", best_frame="auto", output_size=(640, 360)),
]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "jobs.csv",
            "\ufeffsource,driving,output,smooth,relative,start,best_frame,output_size\r\n"
            "a.png,t.mp4,,0.5,no,1:02.5,,\r\n\r\n"
            '"b, c.png",t.mp4,x/b.webm,,,,auto,640x360\r\n',
        ),
        (
            "jobs.csv",
            "source;driving;output;smooth;relative;start;best_frame;output_size\n"
            "a.png;t.mp4;;0.5;false;62.5\nb, c.png;t.mp4;x/b.webm;;;;auto;640x360",
        ),
        (
            "jobs.jsonl",
            '{"source": "a.png", "driving": "t.mp4", "smooth": 0.5, "relative": false, "start": 62.5,'
            ' "output": null}\n\n'
            '{"source": "b, c.png", "driving": "t.mp4", "output": "x/b.webm", "best_frame": "auto", '
            '"output_size": [640, 360]}\n',
        ),
    ],
    ids=["commas", "semicolons", "json"],
)
def test_rows_become_jobs(tmp_path: Path, name: str, text: str) -> None:
    assert jobs_of(tmp_path, text, name) == EXPECTED


def test_values_of_a_row_replace_defaults_and_a_side_of_its_own_replaces_both(tmp_path: Path) -> None:
    text = 'source,driving,smooth,source_crop\na.png,t.mp4,0.2,\nb.png,t.mp4,,"1,2,30,30"\n'
    first, second = jobs_of(tmp_path, text, smooth="0.7", crop="center")
    assert (first.smooth, first.source_crop, first.driving_crop) == (0.2, "center", "center")
    assert (second.smooth, second.source_crop, second.driving_crop) == (0.7, "1,2,30,30", "center")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "source,driving,output\na.png,t.mp4,r.mp4\nb.png,t.mp4,./r.mp4\n",
            "line 3, column output: line 2 has",
        ),
        ("source,driving,smooth\na.png,t.mp4,1.5\n", "line 2, column smooth: expected a number from 0 to 1; got '1.5'"),
        (
            "source,driving,smoth\na.png,t.mp4,1\n",
            "line 1, column smoth: there is no such column; did you mean smooth?",
        ),
        ("source,source,driving\na.png,b,t.mp4\n", "line 1, column source: the header names it twice"),
        ("source,driving\na.png\n", "line 2, column driving: expected a path; got nothing"),
        ("source,driving\na.png,t.mp4,x\n", "line 2: expected 2 values"),
        ("source,driving,output\na.png,t.mp4,../r.mp4\n", "line 2, column output: expected a name inside"),
        ("source,driving,output\na.png,t.mp4,/r.mp4\n", "line 2, column output: expected a name inside"),
        ("source,driving,output\na.png,t.mp4,r.avi\n", "line 2, column output: .*r.avi ends in .avi"),
        ("source,driving,output\na.png,t.mp4,journal.jsonl\n", "a file of the batch itself"),
        ("source,driving,output\nout/r.mp4,t.mp4,r.mp4\n", "also an input"),
        ("source,driving,save_motion\na.png,t.mp4,m.mp4\n", "line 2, column save_motion: .*end in .npz"),
        ("source,driving,save_motion\na.png,t.mp4,m%d.npz\n", "line 2, column save_motion: .*no number"),
        ("source,driving,save_motion\na.png,t.mp4,m%d%d.npz\n", "line 2, column save_motion: .*no number"),
        ("source,driving,output\na.png,t.mp4,r.mp4\nb.png,t.mp4,R.mp4\n", "line 3, column output: line 2 has"),
        ("source,driving,output\na.png,t.mp4,f/%02d.png\nb.png,t.mp4,f/%d.png\n", "line 3.*: line 2 has the same"),
        (
            "source,driving,output\na.png,t.mp4,f/%05d.png\nb.png,t.mp4,f/0%04d.png\n",
            "line 3, column output: line 2 has the same result, f/01111.png",
        ),
        ("source,driving,output\nout/f/07.png,t.mp4,r.mp4\na.png,t.mp4,f/%02d.png\n", "line 3.*also an input"),
        ("source,driving,output\na.png,t.mp4,.fomm-rt-x/r.mp4\n", "a file of the batch itself"),
        ("source,driving,face\na.png,t.mp4,all\n", "line 2: several faces need paste_back"),
        ('source,driving,crop\na.png,t.mp4,"1,2"\n', "line 2, column crop: expected auto, center"),
        ('source,driving,driving_crop\na.png,t.mp4,"1,2,0,9"\n', "line 2, column driving_crop: expected x and y"),
        ("source,driving\n", "holds no jobs"),
        ("", "holds no jobs"),
        ('source,driving\n"a.png,t.mp4\n', "line 2: expected CSV"),
    ],
)
def test_faults_say_line_and_column(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BatchError, match=told):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"source": "a.png"\n', "line 1: expected a JSON object"),
        ('{"source": "a.png", "driving": "t.mp4"}\n[1]\n', "line 2: expected a JSON object"),
        ('{"source": "a.png", "driving": "t.mp4", "quality": 101}', "line 1, column quality: expected a whole number"),
        ('{"source": {"a": 1}, "driving": "t.mp4"}', "line 1, column source: expected a text"),
        ('{"source": "\\ud800.png", "driving": "t.mp4"}', "line 1, column source: expected a path in UTF-8"),
        ('{"source": "a.png", "driving": "t.mp4", "output": "\\ud800.mp4"}', "line 1, column output: .* UTF-8"),
        ('{"sauce": "a.png", "driving": "t.mp4"}', "line 1, column sauce: .*did you mean source"),
    ],
)
def test_faults_of_json_say_line_and_name(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BatchError, match=told):
        read(tmp_path, text, "jobs.jsonl")


def test_links_to_one_result_are_followed(tmp_path: Path) -> None:
    (tmp_path / "out" / "b").mkdir(parents=True)
    (tmp_path / "out" / "a").symlink_to("b")
    with pytest.raises(BatchError, match="line 3, column output: line 2 has the same result"):
        read(tmp_path, "source,driving,output\n1.png,t.mp4,a/r.mp4\n2.png,t.mp4,b/r.mp4\n")


def test_links_do_not_lead_out_of_the_folder_of_results(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").symlink_to("..")
    (tmp_path / "out" / "y.mp4").symlink_to("../d.mp4")
    for name in ("x/r.mp4", "x/f-%02d.png", "y.mp4"):
        with pytest.raises(BatchError, match=r"line 2, column output: links lead from .* out of the folder of results"):
            read(tmp_path, f"source,driving,output\n1.png,t.mp4,{name}\n")


def test_inputs_behind_links_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "r.mp4").touch()
    (tmp_path / "here").symlink_to("out")
    (tmp_path / "driver.mp4").symlink_to("here/r.mp4")
    for driver in ("here/r.mp4", "driver.mp4", "here/../out/r.mp4"):
        with pytest.raises(BatchError, match=r"r\.mp4 is also an input"):
            read(tmp_path, f"source,driving,output\n1.png,{driver},r.mp4\n")


def test_pictures_with_names_that_are_not_utf_8_are_told(tmp_path: Path) -> None:
    try:
        (tmp_path / "\udcff.png").touch()
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    found = read_jobs(tmp_path, Path("talk.mp4"), {}, ".mp4")
    faults = Faults("the folder")
    check_jobs(found.placed, found.inputs, tmp_path / "out", faults)
    with pytest.raises(BatchError, match=r"column source: expected a path in UTF-8.*rename it"):
        faults.check()


def test_numbers_of_json_keep_their_digits(tmp_path: Path) -> None:
    lines = (
        '{"source": "a.png", "driving": "t.mp4", "start": 3723.125, "duration": 1234567.0, "quality": 90.0}\n'
        '{"source": "b.png", "driving": "t.mp4", "start": 1e-7, "duration": 0.30000000000000004, "smooth": 0.1234567}\n'
    )
    first, second = jobs_of(tmp_path, lines, "jobs.jsonl")
    assert (first.start_s, first.duration_s, first.quality) == (3723.125, 1234567, 90)
    assert (second.start_s, second.duration_s, second.smooth) == (1e-7, 0.3, 0.1234567)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    rows = "".join(f"{number}.png,t.mp4,two\n" for number in range(30))
    with pytest.raises(BatchError, match=r"has 30 faults:\n  line 2, column smooth.*\n(.*\n){19}  and 10 more"):
        read(tmp_path, f"source,driving,smooth\n{rows}")


def test_another_encoding_is_told_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_bytes("source,driving\nä.png,t.mp4\n".encode("latin-1"))
    with pytest.raises(BatchError, match="line 2: expected UTF-8"):
        read_jobs(path, None, {}, ".mp4")


def test_pictures_of_a_folder_get_names_of_their_own(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "a.jpg", "100%d.png", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    found = read_jobs(tmp_path, Path("talk.mp4"), {}, ".webm")
    assert [placed.job.output for placed in found.placed] == ["100_d.webm", "a.jpg.webm", "a.png.webm", "b.webm"]
    assert {placed.job.driving for placed in found.placed} == {str(Path("talk.mp4").absolute())}
    assert found.passed_over == 1
    with pytest.raises(BatchError, match="name their driver"):
        read_jobs(tmp_path, None, {}, ".mp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BatchError, match="holds no pictures"):
        read_jobs(tmp_path / "empty", Path("talk.mp4"), {}, ".mp4")


def test_pictures_of_a_folder_whose_names_are_alike(tmp_path: Path) -> None:
    expected = {
        " a.png": " a.mp4",
        "a.png": "a.png.mp4",
        "a.jpg": "a.jpg.mp4",
        "a.jpg.webp": "a.jpg.webp.mp4",
        "b%.png": "b%.mp4",
        "b_.png": "b_.mp4",
        "c%d.png": "c_d.png.mp4",
        "c_d.png": "c_d.png-2.mp4",
        "D.png": "D.png.mp4",
        "d.png": "d.png-2.mp4",
    }
    for name in expected:
        (tmp_path / name).touch()
    found = read_jobs(tmp_path, Path("talk.mp4"), fields_of({"crop": "center"}), ".mp4")
    assert {placed.job.source: placed.job.output for placed in found.placed} == expected
    assert {placed.job.source_crop for placed in found.placed} == {"center"}
    faults = Faults("the folder")
    check_jobs(found.placed, found.inputs, tmp_path / "out", faults)
    faults.check()
