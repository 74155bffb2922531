"""Who people are: numbers drawn from a seed."""

from __future__ import annotations

from dataclasses import replace

from fomm_train.people import draw_person
from fomm_train.people.person import BEARDS, CLOTHES, GLASSES, HAIR_STYLES

PEOPLE = [draw_person(seed) for seed in range(2000)]


def test_equal_seeds_give_equal_people() -> None:
    draw_person.cache_clear()
    assert draw_person(7) == PEOPLE[7]
    assert len({replace(person, seed=0) for person in PEOPLE}) == len(PEOPLE)


def test_every_kind_of_hair_beard_glasses_and_clothes_occurs() -> None:
    assert {person.hair for person in PEOPLE} == set(HAIR_STYLES)
    assert {person.beard for person in PEOPLE} == set(BEARDS)
    assert {person.glasses for person in PEOPLE} == set(GLASSES)
    assert {person.clothes for person in PEOPLE} == set(CLOTHES)


def test_sexes_ages_origins_and_skins_are_mixed() -> None:
    assert 0.4 < sum(person.sex > 0.5 for person in PEOPLE) / len(PEOPLE) < 0.6
    assert min(person.age for person in PEOPLE) < 12
    assert max(person.age for person in PEOPLE) > 80
    assert min(person.melanin for person in PEOPLE) < 0.1
    assert max(person.melanin for person in PEOPLE) > 0.8
    for origin in range(3):
        assert sum(person.origin[origin] > 0.8 for person in PEOPLE) > 200


def test_beards_are_worn_by_grown_men() -> None:
    assert all(person.sex > 0.5 and person.age > 17 for person in PEOPLE if person.beard != "none")
