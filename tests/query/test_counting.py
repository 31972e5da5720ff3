"""Counts of rows: only for those who read every row, and unmasked what the condition is about."""

import pytest

from query.counting import count_rows
from tests.query.passengers import ROWS, grant_team, mask_emails


def test_who_reads_all_counts_all(dataset, actors):
    in_newark = sum(row["region"] == "EWR" for row in ROWS.to_pylist())
    counts = [
        count_rows(user=actors.owner, dataset=dataset, where=where)
        for where in (None, "region = 'EWR'", "region = principal.region")
    ]
    assert counts == [ROWS.num_rows, in_newark, None]


@pytest.mark.parametrize("where", [None, "region = 'EWR'"])
def test_who_reads_some_rows_or_none_counts_nothing(dataset, actors, where):
    grant_team(dataset, actors.team, row_filter="region = 'EWR'")
    for user in (actors.team_mate, actors.outsider):
        assert count_rows(user=user, dataset=dataset, where=where) is None


def test_a_condition_on_what_is_masked_has_no_count(dataset, actors):
    mask_emails(dataset)
    counts = [
        count_rows(user=actors.owner, dataset=dataset, where=where)
        for where in ("email = 'a@b.example'", None)
    ]
    assert counts == [None, ROWS.num_rows]
