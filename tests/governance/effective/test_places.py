"""Counting by place: the same as cutting the set with that of each place, while datasets move."""

import random

import pytest

from governance.effective import places
from governance.effective.ids import Ids
from governance.effective.places import Places


@pytest.mark.parametrize("most", [10_000_000, 3_000])
def test_counts_are_those_of_the_sets_while_datasets_move(monkeypatch, most):
    """With numbers within the table, and with some beyond it."""
    monkeypatch.setattr(places, "MAX_NUMBER", most)
    dice = random.Random(5)
    kept: Places[str] = Places()
    where: dict[int, str] = {}
    for place in ("a", "b", "c"):
        ids = Ids(n for n in dice.sample(range(1, 5_000), 400) if n not in where)
        kept.enter(place, ids)
        where |= dict.fromkeys(ids, place)
    for _ in range(300):
        number = dice.choice([*where]) if dice.random() < 0.5 else dice.randrange(1, 9_000)
        kept.leave(Ids([number]))
        where.pop(number, None)
        if dice.random() < 0.8:
            where[number] = dice.choice("abcd")
            kept.enter_one(where[number], number)
    assert {place: {*ids} for place, ids in kept.of.items()} == {
        place: {n for n, own in where.items() if own == place} for place in "abcd"
    }
    for found in (
        Ids(),
        Ids(where),
        Ids(n for n in where if n <= most),
        Ids(dice.sample([*where], 50)),
    ):
        expected = {place: sum(where[n] == place for n in found) for place in "abcd"}
        assert kept.count(found) == {place: n for place, n in expected.items() if n}


def test_who_is_nowhere_is_not_counted():
    kept: Places[int] = Places()
    kept.enter(7, Ids([1, 2, 3]))
    kept.leave(Ids([2]))
    assert kept.count(Ids([1, 2, 3, 4])) == {7: 2}
    assert kept.count(Ids()) == {}
    kept.enter(8, Ids())
    assert kept.count(Ids([1])) == {7: 1}
