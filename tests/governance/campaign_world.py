"""Grants to certify, some of them used, and the people around them."""

from datetime import timedelta

from django.contrib.auth.models import Group

from core.clock import utc_now
from governance.campaigns import items_to_certify
from governance.models import CampaignItem
from governance.policy.types import Action
from governance.queries import decide_read, principal_of
from governance.services.audit import record_decision, seal_all
from governance.services.campaigns import create_campaign
from governance.services.uses import count_uses
from tests.factories.catalog import make_dataset
from tests.factories.governance import make_grant
from tests.factories.identity import make_user
from tests.governance.request_world import World

LONG_AGO = timedelta(days=200)


class CampaignWorld(World):
    """`analyst` reads two columns of three, `team` never reads, `robot` is a service account that `outsider` owns."""

    def __init__(self):
        super().__init__()
        self.users["peer"] = make_user("peer", email="peer@example.org")
        self.team = Group.objects.create(name="team")
        for name in ("analyst", "peer"):
            self.users[name].groups.add(self.team)
        self.users["robot"] = make_user(
            "robot", is_service=True, responsible=self.users["outsider"]
        )
        self.other = make_dataset("hr.salaries", fields=[("amount", "double")])
        self.mine = self.aged(self.users["analyst"], self.dataset)
        self.shared = self.aged(self.team, self.domain)
        self.machine = self.aged(self.users["robot"], self.dataset)
        self.elsewhere = self.aged(self.users["analyst"], self.other)

    def aged(self, subject, target, action=Action.READ, **more):
        grant = make_grant(subject, target, action, days=900, **more)
        type(grant).objects.filter(pk=grant.pk).update(granted_at=utc_now() - LONG_AGO)
        grant.refresh_from_db()
        return grant

    def read(self, name="analyst", dataset=None, columns=("region", "age")):
        """A recorded read, as the paths to data record one."""
        principal, dataset = getattr(self, name), dataset or self.dataset
        decision = decide_read(principal, dataset)
        record_decision(
            principal=principal, dataset=dataset, decision=decision, via="query", columns=columns
        )

    def count(self):
        seal_all()
        return count_uses()

    def start(self, by="steward", **more):
        wanted = {"name": "yearly", "domain": "sales"} | more
        return create_campaign(by=getattr(self, by), **wanted)

    def item(self, grant, campaign=None):
        rows = CampaignItem.objects.filter(grant=grant.uuid).order_by("-pk")
        return rows.filter(campaign=campaign).get() if campaign else rows.first()

    def certifiers(self, grant):
        """The names of those for whom the item of the grant waits."""
        people = [*self.users.items()]
        return sorted(
            name
            for name, user in people
            if items_to_certify(principal_of(user)).filter(grant=grant.uuid).exists()
        )
