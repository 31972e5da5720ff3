"""An estate with a dataset to ask for, and the people around it."""

from datetime import timedelta

from core.clock import utc_now
from governance.policy.types import Action
from governance.queries import principal_of, requests_to_decide
from governance.services.requests import (
    request_access,
)
from governance.services.rules import save_rule
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.governance import make_grant
from tests.factories.identity import make_user

DAY = timedelta(days=1)
FIELDS = [("region", "string"), ("mail", "string", ["pii.email"]), ("age", "int")]
BOTH = {
    "name": "both",
    "applies_to": {"domain": ["sales"]},
    "stages": [
        {"by": "owner", "remind_after_hours": 24, "escalate_after_hours": 48},
        {"by": "steward"},
    ],
}


class World:
    """An owner and two stewards of the domain, an analyst who may see the columns, an administrator."""

    def __init__(self):
        self.users = {
            name: make_user(name, email=f"{name}@example.org")
            for name in ("owner", "steward", "second", "analyst", "outsider")
        }
        root = make_user("root", is_superuser=True, email="root@example.org")
        self.root = principal_of(root)
        self.domain = make_domain("Sales", stewards=[self.users["steward"], self.users["second"]])
        self.dataset = make_dataset(
            "curated.sales",
            fields=FIELDS,
            domain=self.domain,
            owners=[self.users["owner"]],
            tags=["public"],
        )
        make_grant(self.users["analyst"], self.dataset, Action.VIEW_METADATA)

    def __getattr__(self, name):
        return principal_of(self.users[name])

    def ask(self, by="analyst", dataset=None, **more):
        wanted = {"purpose": "delays by region", "duration": 10 * DAY} | more
        return request_access(dataset or self.dataset, by=getattr(self, by), **wanted)

    def rule(self, **more):
        return save_rule(BOTH | more, by=self.root)

    def waits_for(self):
        return sorted(name for name in self.users if requests_to_decide(getattr(self, name)))


def later(**kwargs):
    return utc_now() + timedelta(**kwargs)
