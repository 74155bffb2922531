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


def test_a_worker_without_a_driver_takes_one_whose_keypoints_are_known() -> None:
    schedule = schedule_of("aaaabbb")
    first, second = schedule.take(), schedule.take()
    assert first is not None
    assert second is not None
    assert schedule.take(second.key) is not None, "b is recorded"
    third = schedule.take()
    assert third is not None
    assert third.index == 6, "a may still be recorded, and has more jobs"
    rest = [schedule.take() for _ in range(4)]
    assert [each.index for each in rest if each is not None] == [1, 2, 3]


def test_a_job_that_was_put_back_is_handed_out_again_and_counted() -> None:
    schedule = schedule_of("ab")
    taken = schedule.take()
    assert taken is not None
    schedule.put_back(taken)
    again = schedule.take()
    assert again is taken
    assert again.attempts == 2


def test_jobs_of_a_driver_go_on_when_the_worker_that_had_it_is_lost() -> None:
    schedule = schedule_of("aabb")
    first, second = schedule.take(), schedule.take()
    assert first is not None
    assert second is not None
    schedule.put_back(first)
    assert schedule.take(second.key) is not None
    rest = [schedule.take(), schedule.take()]
    assert [each.index for each in rest if each is not None] == [0, 1]
    assert schedule.take() is None


class _CountedName(str):
    """A path that counts how often it is looked up in tables."""

    __slots__ = ()
    looked_up = 0

    def __hash__(self) -> int:
        _CountedName.looked_up += 1
        return super().__hash__()


def test_handing_out_a_job_takes_the_same_work_with_many_drivers() -> None:
    def work_per_job(count: int) -> float:
        jobs = [Job(source="s.png", driving=_CountedName(n), output=f"{n}.mp4") for n in range(count)]
        schedule = Schedule(jobs, range(count), lambda _index: None)
        _CountedName.looked_up = 0
        last, taken = None, 0
        while (given := schedule.take(last)) is not None:
            last, taken = given.key, taken + 1
        assert taken == count
        return _CountedName.looked_up / count

    assert work_per_job(400) < 1.5 * work_per_job(40)


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
