"""The log's rows are means over the steps since the row before."""

from __future__ import annotations

from pathlib import Path

from fomm_train.loop.log import TrainingLog, read_log


def test_the_log_of_a_resumed_run_counts_only_its_own_steps(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = TrainingLog(path, 0)
    for step in range(1, 5):
        log.add({"value": float(step)} | ({"motion": 0.5} if step == 1 else {}))
        if step % 2 == 0:
            log.write(step)
    resumed = TrainingLog(path, 3)  # drops the row of step 4, which is taken again
    resumed.add({"value": 10.0, "flow": 1.0})
    resumed.write(4)
    assert read_log(path) == [
        {"step": "2", "value": "1.50000", "motion": "0.50000", "flow": ""},  # the mean of the steps that had it
        {"step": "4", "value": "10.00000", "motion": "", "flow": "1.00000"},
    ]
    path.write_text(path.read_text() + "\nrubb")
    assert len(TrainingLog(path, 9).rows) == 2
