"""Jobs with one driver stay with one worker."""

from __future__ import annotations

from fomm_rt.batch.job import Job
from fomm_rt.batch.schedule import Schedule


def schedule_of(drivers: str) -> Schedule:
    jobs = [Job(source=f"{n}.png", driving=driver, output=f"{n}.mp4") for n, driver in enumerate(drivers)]
    return Schedule(jobs, range(len(jobs)), lambda _index: None)


def test_a_worker_keeps_its_driver_and_the_next_one_gets_another() -> None:
    schedule = schedule_of("abab")
    first = schedule.take()
    second = schedule.take()
    assert first is not None
    assert second is not None
    assert (first.index, second.index) == (0, 1)
    assert first.is_shared
    again = schedule.take(first.key)
    other = schedule.take(second.key)
    assert again is not None
    assert other is not None
    assert (again.index, other.index) == (2, 3)
    assert schedule.take(again.key) is None
    assert len(schedule) == 0


def test_workers_share_a_driver_when_there_are_no_others() -> None:
    schedule = schedule_of("aaab")
    taken = [schedule.take() for _ in range(4)]
    assert [each.index for each in taken if each is not None] == [0, 3, 1, 2]
    assert [each.is_shared for each in taken if each is not None] == [True, False, True, True]


def test_a_job_that_was_put_back_is_handed_out_again_and_counted() -> None:
    schedule = schedule_of("ab")
    taken = schedule.take()
    assert taken is not None
    schedule.put_back(taken)
    again = schedule.take()
    assert again is taken
    assert again.attempts == 2


def test_options_of_the_source_do_not_part_jobs_and_those_of_the_driver_do() -> None:
    base = Job(source="s.png", driving="d.mp4", output="r.mp4")
    jobs = [
        base,
        Job(source="t.png", driving="d.mp4", output="q.mp4", smooth=0.5, paste_back=True),
        Job(source="s.png", driving="d.mp4", output="p.mp4", start_s=1.0),
        Job(source="s.png", driving="d.mp4", output="o.mp4", best_frame="auto"),
    ]
    schedule = Schedule(jobs, range(4), lambda _index: None)
    shared = [each.is_shared for each in (schedule.take() for _ in range(4)) if each is not None]
    assert sorted(shared) == [False, False, True, True]
