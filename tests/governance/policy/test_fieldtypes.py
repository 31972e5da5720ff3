"""Every spelling of a type is in exactly the family that a single type name is put into."""

import pytest

from governance.policy.fieldtypes import SPELLINGS, Family, family_of


def test_the_spellings_of_a_family_are_those_that_are_read_as_it():
    known = frozenset().union(*SPELLINGS.values())
    for family in Family:
        assert SPELLINGS[family] == {name for name in known if family_of(name) is family}
    assert sum(map(len, SPELLINGS.values())) == len(known)
    assert [SPELLINGS[each] for each in (Family.BOOLEAN, Family.DATE, Family.UUID)] == [
        {"boolean", "bool"},
        {"date", "date32"},
        {"uuid"},
    ]


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("DECIMAL(10, 2)", Family.NUMBER),
        (" varchar(20)", Family.STRING),
        ("timestamp without time zone", Family.TIMESTAMP),
        ("timestamptz_ns", Family.TIMESTAMPTZ),
        ("date32[day]", Family.DATE),
        ("bytea", None),
        ("struct<a:int>", None),
        ("list<int>", None),
        ("", None),
    ],
)
def test_how_a_type_is_read(name, family):
    assert family_of(name) is family
