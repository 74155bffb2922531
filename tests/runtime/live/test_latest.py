"""The slot that holds the newest item."""

from __future__ import annotations

from threading import Thread

from fomm_rt.live.latest import Latest


def test_the_newest_item_takes_the_place_of_older_ones() -> None:
    slot: Latest[int] = Latest()
    assert slot.take() is None
    for number in range(5):
        slot.put(number)
    assert slot.take() == 4
    assert slot.take() is None


def test_a_waiting_thread_gets_every_item_that_nothing_replaced() -> None:
    slot: Latest[int] = Latest()
    taken: list[int] = []
    back: Latest[int] = Latest()

    def take() -> None:
        while (item := slot.take(None)) is not None:
            taken.append(item)
            back.put(item)

    thread = Thread(target=take)
    thread.start()
    for number in range(300):
        slot.put(number)
        assert back.take(10) == number
    slot.close()
    thread.join(10)
    assert not thread.is_alive()
    assert taken == list(range(300))


def test_a_closed_slot_gives_its_last_item_and_never_waits() -> None:
    slot: Latest[int] = Latest()
    slot.put(1)
    slot.close()
    assert slot.is_closed
    assert slot.take(None) == 1
    assert slot.take(None) is None
    assert slot.take(None) is None
