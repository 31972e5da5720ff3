"""Two reviewers at once: one decision is made."""

import pytest

from governance.models import DomainGroupGrant
from governance.services.campaigns import keep_grant, revoke_certified
from tests.governance.campaign_world import CampaignWorld
from tests.governance.test_request_races import race


@pytest.mark.django_db(transaction=True)
def test_of_two_decisions_at_once_one_is_made():
    world = CampaignWorld()
    steward, second = world.steward, world.second
    for _ in range(3):
        world.start()
        item = world.item(world.shared)
        outcomes = race(
            lambda item=item: keep_grant(item, by=steward),
            lambda item=item: revoke_certified(item, by=second, comment="no"),
        )
        item.refresh_from_db()
        is_there = DomainGroupGrant.objects.filter(uuid=world.shared.uuid).exists()
        assert (outcomes, item.state, is_there) in (
            (("kept", "the item is kept already"), "kept", True),
            (("the item is revoked already", "revoked"), "revoked", False),
        )
        if not is_there:
            world.shared = world.aged(world.team, world.domain)
