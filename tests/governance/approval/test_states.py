"""The table of states: what is legal, and that nothing else is."""

import itertools

import pytest

from core.errors import ConflictError
from governance.approval.states import LABELS, OPEN, TRANSITIONS, RequestState, Step, next_state

ENDS = {"denied", "withdrawn", "cancelled", "expired", "revoked"}


@pytest.mark.parametrize(("state", "step"), [*itertools.product(RequestState, Step)])
def test_a_step_is_in_the_table_or_does_not_happen(state, step):
    if (state, step) in TRANSITIONS:
        assert next_state(state, step) is TRANSITIONS[state, step]
        return
    with pytest.raises(ConflictError, match=f"the request is {state} already") as refused:
        next_state(state, step)
    assert refused.value.data["state"] == state
    assert refused.value.data["possible_from"] == sorted(
        str(before) for before in RequestState if (before, step) in TRANSITIONS
    )


def test_every_state_is_reached_and_named_and_the_ends_are_ends():
    reached = {"pending"} | {str(state) for state in TRANSITIONS.values()}
    left = {str(state) for state, _ in TRANSITIONS}
    assert reached == {str(state) for state in RequestState} == {str(each) for each in LABELS}
    assert reached - left == ENDS
    assert left - {"approved"} == {str(each) for each in OPEN}
