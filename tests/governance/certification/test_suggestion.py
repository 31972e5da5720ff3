"""What recorded use suggests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from governance.certification.suggestion import (
    ALL_COLUMNS,
    Advice,
    Held,
    Suggestion,
    Usage,
    suggest,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HELD = Held(
    is_read=True,
    is_active=True,
    granted_at=NOW - timedelta(days=200),
    columns=("region", "mail", "age"),
    labels=(("region", ()), ("mail", ("pii.email",)), ("age", ())),
)
RECENT = NOW - timedelta(days=2)


@pytest.mark.parametrize(
    ("held", "usage", "expected"),
    [
        (
            HELD,
            Usage(),
            Suggestion(
                Advice.REVOKE, ("not used since it was given 200 days ago", "bears pii.email")
            ),
        ),
        (
            replace(HELD, granted_at=NOW - timedelta(days=3), labels=()),
            Usage(),
            Suggestion(Advice.NONE, ("not used since it was given 3 days ago",)),
        ),
        (
            replace(HELD, labels=(), peers=4, active_peers=1),
            Usage(NOW - timedelta(days=100), 0, 0, frozenset(), 1),
            Suggestion(
                Advice.REVOKE,
                (
                    "last used 100 days ago",
                    "1 of 4 people in the same groups read this in 90 days",
                ),
            ),
        ),
        (
            HELD,
            Usage(RECENT, 2, 5, frozenset({"region"}), 1),
            Suggestion(
                Advice.NARROW,
                ("2 of 3 columns were not read in 90 days: mail, age", "bears pii.email"),
                ("region",),
            ),
        ),
        (
            replace(HELD, labels=(), members=7),
            Usage(RECENT, 2, 5, frozenset({"region", "mail", "age"}), 3),
            Suggestion(Advice.KEEP, ("5 reads in 90 days", "3 of 7 members of the group used it")),
        ),
        (
            replace(HELD, labels=()),
            Usage(RECENT, 1, 1, frozenset({ALL_COLUMNS}), 1),
            Suggestion(Advice.KEEP, ("1 reads in 90 days",)),
        ),
        (
            replace(HELD, is_read=False),
            Usage(),
            Suggestion(Advice.NONE, ("only reads are recorded, not this right's use",)),
        ),
        (
            replace(HELD, is_active=False, labels=()),
            Usage(RECENT, 2, 5, frozenset(), 1),
            Suggestion(Advice.REVOKE, ("the account is not active",)),
        ),
    ],
)
def test_what_is_suggested(held, usage, expected):
    assert suggest(held, usage, now=NOW) == expected
