"""The declared lives of campaigns and items."""

import pytest

from core.errors import ConflictError
from governance.certification.states import (
    CAMPAIGN_LABELS,
    CAMPAIGN_TRANSITIONS,
    ITEM_LABELS,
    ITEM_TRANSITIONS,
    WAITING,
    CampaignState,
    CampaignStep,
    ItemState,
    ItemStep,
    Undecided,
    next_campaign_state,
    next_item_state,
    step_at_deadline,
)


def test_every_state_is_named_and_reached_and_the_ends_are_ends():
    assert set(ITEM_LABELS) == set(ItemState)
    assert set(CAMPAIGN_LABELS) == set(CampaignState)
    assert set(ITEM_TRANSITIONS.values()) | {ItemState.OPEN} == set(ItemState)
    assert set(CAMPAIGN_TRANSITIONS.values()) | {CampaignState.PLANNED} == set(CampaignState)
    assert {before for before, _ in ITEM_TRANSITIONS} == WAITING
    assert {step for _, step in ITEM_TRANSITIONS} == set(ItemStep)
    assert {step for _, step in CAMPAIGN_TRANSITIONS} == set(CampaignStep)


def test_what_is_not_in_the_tables_does_not_happen():
    assert next_item_state("open", ItemStep.KEEP) is ItemState.KEPT
    with pytest.raises(ConflictError, match="kept already"):
        next_item_state("kept", ItemStep.REVOKE)
    with pytest.raises(ConflictError):
        next_item_state("extended", ItemStep.EXTEND)
    assert next_campaign_state("planned", CampaignStep.OPEN) is CampaignState.OPEN
    with pytest.raises(ConflictError, match="the campaign is closed"):
        next_campaign_state("closed", CampaignStep.OPEN)


@pytest.mark.parametrize(
    ("state", "undecided", "step"),
    [
        ("open", Undecided.REVOKE, ItemStep.LAPSE),
        ("open", Undecided.EXTEND, ItemStep.EXTEND),
        ("open", Undecided.ESCALATE, ItemStep.ESCALATE),
        ("extended", Undecided.EXTEND, ItemStep.LAPSE),
        ("escalated", Undecided.ESCALATE, ItemStep.LAPSE),
    ],
)
def test_in_the_end_the_undecided_is_revoked(state, undecided, step):
    assert step_at_deadline(state, undecided) is step
