"""What is kept of visible sets is, after every change of every fact, what the database says anew."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group, Permission

from catalog.models import (
    Dataset,
    DatasetOwner,
    DatasetTag,
    Domain,
    DomainSteward,
    Field,
    FieldEdge,
    FieldTag,
    Tag,
)
from governance.effective import visible_ids
from governance.facts import load_facts, load_resources
from governance.models import (
    DatasetGroupGrant,
    DatasetUserGrant,
    Declassification,
    DomainGroupGrant,
    DomainUserGrant,
    Policy,
    PolicyVersion,
)
from governance.policy import decide
from governance.policy.types import Action
from governance.queries import principal_of, visible_datasets
from identity.models import User
from tests.factories.catalog import make_dataset, make_domain, make_tag

pytestmark = pytest.mark.django_db(transaction=True)
ACTIONS = [Action.DISCOVER, Action.VIEW_METADATA, Action.READ, Action.MANAGE, Action.APPROVE]
VERBS = ["discover", "view", "read", "manage", "approve"]
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self, monkeypatch):
        self.now = NOON
        for module in ("governance.effective.sets", "governance.facts"):
            monkeypatch.setattr(f"{module}.utc_now", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


class Town:
    """A small world that changes at random; each step is one committed change, or a few."""

    def __init__(self, seed, clock):
        self.dice, self.clock, self.number = random.Random(seed), clock, 0
        self.groups = [Group.objects.create(name=f"g{n}") for n in range(3)]
        self.users = [
            User.objects.create(
                username=f"u{n}", password="!", is_superuser=n == 0, attributes={"area": "north"}
            )
            for n in range(4)
        ]
        for user in self.users[1:]:
            user.groups.set(self.dice.sample(self.groups, 2))
        self.domains = [make_domain("a"), make_domain("b")]
        self.domains.append(make_domain("c", parent=self.domains[0]))
        self.tags = [make_tag(name) for name in ("pii.mail", "pii.name", "gold")]
        for _ in range(6):
            self.new_dataset()

    def subject(self):
        who = self.dice.choice([*self.users[1:], *self.groups])
        return {"group": who} if isinstance(who, Group) else {"user": who}

    def some(self, model):
        return model.objects.order_by("?").first()

    def new_dataset(self):
        self.number += 1
        make_dataset(
            f"{self.dice.choice(['raw', 'mart'])}.t{self.number}",
            namespace=self.dice.choice(["lake", "pg"]),
            kind=self.dice.choice(["table", "view"]),
            domain=self.dice.choice([None, *self.domains]),
            fields=[("id", "long"), ("mail", "string")],
        )

    def new_grant(self):
        subject, on_dataset = self.subject(), self.dice.random() < 0.6
        models = {
            (True, "user"): DatasetUserGrant,
            (True, "group"): DatasetGroupGrant,
            (False, "user"): DomainUserGrant,
            (False, "group"): DomainGroupGrant,
        }
        kind, verb = "dataset" if on_dataset else "domain", self.dice.choice(VERBS)
        reads = verb == "read"
        models[on_dataset, next(iter(subject))].objects.create(
            **subject,
            content_object=self.some(Dataset) if on_dataset else self.some(Domain),
            permission=Permission.objects.get(codename=f"{verb}_{kind}"),
            row_filter=self.dice.choice([None, "id > 3", "nothing = 1"]) if reads else None,
            columns=self.dice.choice([None, ["mail"], ["gone"]]) if reads else None,
            purpose=self.dice.choice(["", "", "study"]),
            expires_at=self.dice.choice([None, self.later(), self.later()]),
        )

    def later(self):
        return self.clock.now + timedelta(minutes=self.dice.randint(1, 5))

    def change_grant(self):
        model = self.dice.choice(
            [DatasetGroupGrant, DatasetUserGrant, DomainGroupGrant, DomainUserGrant]
        )
        row = self.some(model)
        if row is None:
            return
        if self.dice.random() < 0.5:
            row.delete()
        else:
            model.objects.filter(pk=row.pk).update(
                expires_at=self.dice.choice([None, self.later()]), **self.same_kind(row)
            )

    def same_kind(self, row):
        return (
            {"user": self.dice.choice(self.users)}
            if hasattr(row, "user_id")
            else {"group": self.dice.choice(self.groups)}
        )

    def move_dataset(self):
        Dataset.objects.filter(pk=self.some(Dataset).pk).update(
            domain=self.dice.choice([None, *self.domains])
        )

    def rename_dataset(self):
        self.number += 1
        Dataset.objects.filter(pk=self.some(Dataset).pk).update(
            name=f"{self.dice.choice(['raw', 'mart'])}.t{self.number}",
            kind=self.dice.choice(["table", "view"]),
        )

    def drop_dataset(self):
        Dataset.objects.filter(pk=self.some(Dataset).pk).update(
            deleted_at=self.dice.choice([None, NOON])
        )

    def erase_dataset(self):
        if self.dice.random() < 0.3:
            self.some(Dataset).delete()

    def own(self):
        if self.dice.random() < 0.4 and DatasetOwner.objects.exists():
            self.some(DatasetOwner).delete()
        else:
            DatasetOwner.objects.get_or_create(dataset=self.some(Dataset), **self.subject())

    def tag(self):
        if self.dice.random() < 0.3 and DatasetTag.objects.exists():
            self.some(DatasetTag).delete()
        else:
            DatasetTag.objects.get_or_create(
                dataset=self.some(Dataset), tag=self.dice.choice(self.tags)
            )

    def tag_field(self):
        if self.dice.random() < 0.4 and FieldTag.objects.exists():
            self.some(FieldTag).delete()
        else:
            FieldTag.objects.get_or_create(field=self.some(Field), tag=self.dice.choice(self.tags))

    def remove_field(self):
        Field.objects.filter(pk=self.some(Field).pk).update(
            removed_at=self.dice.choice([None, NOON]), type=self.dice.choice(["long", "string"])
        )

    def derive(self):
        source, target = self.some(Field), self.some(Field)
        if self.dice.random() < 0.5:
            FieldEdge.objects.create(
                source=source, target=target, type="DIRECT", subtype=self.number
            )
            self.number += 1
        elif edge := self.some(FieldEdge):
            FieldEdge.objects.filter(pk=edge.pk).update(valid_to=NOON)

    def declassify(self):
        edge = self.some(FieldEdge)
        if edge:
            Declassification.objects.get_or_create(source=edge.source, target=edge.target)

    def move_domain(self):
        inner, outer = self.dice.sample(self.domains, 2)
        if inner.pk not in (outer.pk, getattr(outer.parent, "pk", None)):
            inner.parent = None if outer.parent_id == inner.pk else outer
            inner.save()

    def steward(self):
        if self.dice.random() < 0.4 and DomainSteward.objects.exists():
            self.some(DomainSteward).delete()
        else:
            DomainSteward.objects.get_or_create(
                domain=self.dice.choice(self.domains), **self.subject()
            )

    def join_or_leave(self):
        user = self.dice.choice(self.users)
        user.groups.set(self.dice.sample(self.groups, self.dice.randint(0, 3)))

    def rename_tag(self):
        tag = self.dice.choice(self.tags)
        self.number += 1
        Tag.objects.filter(pk=tag.pk).update(
            name=self.dice.choice([f"pii.x{self.number}", f"t{self.number}"])
        )

    def policy(self):
        standing = PolicyVersion.objects.filter(status="published")
        if standing.count() > 3 or self.dice.random() < 0.3:
            standing.filter(pk__in=standing[:1].values("pk")).update(status="retired")
            return
        self.number += 1
        name = f"p{self.number}"
        scope = self.dice.choice(
            [
                {"name": "raw.*"},
                {"namespace": "p?"},
                {"kind": ["view"]},
                {"tags": ["pii.*"]},
                {"tags": ["gold"]},
                {"domain": ["a"]},
                {"domain": ["a/c", "b"]},
                {"field_tags": ["pii.*"]},
            ]
        )
        effect = self.dice.choice(
            [
                {"allow": ["discover"]},
                {"allow": ["read"]},
                {"deny": ["discover"]},
                {"deny": ["read"]},
                {"row_filter": "mail = principal.area"},
            ]
        )
        document = {"name": name, "applies_to": scope, "effect": effect}
        if self.dice.random() < 0.5:
            document["subjects"] = {"groups": [self.dice.choice(self.groups).name]}
        if self.dice.random() < 0.3:
            document["purpose"] = ["study"]
        if self.dice.random() < 0.5:
            document["valid"] = {"until": self.later().isoformat()}
        if self.dice.random() < 0.3:
            document["valid"] = {"from": self.later().isoformat()}
        PolicyVersion.objects.create(
            policy=Policy.objects.create(name=name), number=1, status="published", document=document
        )

    def wait(self):
        self.clock.now += timedelta(minutes=1)

    def step(self):
        steps = [
            self.new_dataset, self.new_grant, self.new_grant, self.new_grant, self.change_grant,
            self.move_dataset, self.rename_dataset, self.drop_dataset, self.erase_dataset, self.own,
            self.tag, self.tag_field, self.remove_field, self.derive, self.declassify,
            self.move_domain, self.steward, self.join_or_leave, self.rename_tag, self.policy,
            self.policy, self.wait,
        ]  # fmt: skip
        chosen = self.dice.choice(steps)
        chosen()
        return chosen.__name__


@pytest.mark.parametrize("seed", range(5))
def test_kept_sets_equal_the_database_after_every_change(seed, clock):
    town = Town(seed, clock)
    history = []
    seen = 0
    for _ in range(50):
        history.append(town.step())
        user = town.dice.choice(town.users)
        user.refresh_from_db()
        principal = principal_of(user, purpose=town.dice.choice([None, "study", "other"]))
        for action in ACTIONS:
            kept = set(visible_ids(principal, action))
            listed = set(visible_datasets(principal, action=action).values_list("pk", flat=True))
            assert kept == listed, (action, principal, history)
            seen += len(kept)
    assert seen
    facts = load_facts(principal)
    resources = load_resources(Dataset.objects.live(), domains=facts.domains)
    for action in ACTIONS:
        decided = {
            pk for pk, each in resources.items() if decide(principal, action, each, facts).allowed
        }
        assert set(visible_ids(principal, action)) == decided
