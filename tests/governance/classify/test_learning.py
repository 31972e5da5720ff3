"""How earlier decisions move later suggestions."""

from math import log

from governance.classify import Decisions, shift_of


def test_nothing_decided_moves_nothing():
    assert shift_of(Decisions(), Decisions()) == 0.0


def test_the_same_words_count_four_times_other_words():
    assert shift_of(Decisions(accepted=3), Decisions()) == log(4)
    assert shift_of(Decisions(), Decisions(accepted=3)) == log(4) / 4
    assert shift_of(Decisions(rejected=1), Decisions(rejected=1)) == -log(2) * 1.25


def test_the_shift_has_a_bound():
    assert shift_of(Decisions(rejected=10_000), Decisions(rejected=10_000)) == -4.0
