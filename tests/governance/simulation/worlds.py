"""A small town of datasets, people, policies and lineage, and random drafts of changes to it."""

from datetime import timedelta

from django.contrib.auth.models import Group

from catalog.models import Dataset, Field, FieldEdge
from core.clock import utc_now
from governance.facts import GRANT_MODELS, grant_rows
from governance.models import Declassification, PolicyVersion
from governance.policy.types import Action
from governance.queries import principal_of
from governance.services.grants import create_grant
from governance.services.policies import publish_policy, save_policy_draft
from identity.models import User
from tests.factories.catalog import make_dataset, make_domain

TAGS = ["pii.mail", "pii.name", "gold", "secret"]
GROUPS = ["analysts", "privacy", "science"]
USERS = ["u1", "u2", "u3", "u4", "u5"]
EFFECTS = [
    {"allow": ["read"]},
    {"allow": ["discover", "view_metadata"]},
    {"deny": ["read"]},
    {"deny": ["discover"]},
    {"row_filter": "region = principal.region"},
    {"row_filter": "id > 5"},
    {"column_mask": "replace-with-null"},
    {"column_mask": "show-last-4"},
]


class Town:
    """Three domains, two below one another; seven datasets in a row of lineage."""

    def __init__(self, dice):
        self.dice = dice
        self.keeper = User.objects.create(username="keeper", password="!", is_superuser=True)
        self.groups = [Group.objects.create(name=name) for name in GROUPS]
        self.users = [
            User.objects.create(
                username=name, password="!", attributes={"region": dice.choice(["EU", "US"])}
            )
            for name in USERS
        ]
        for user in self.users:
            user.groups.set(dice.sample(self.groups, dice.randint(0, 2)))
        top = make_domain("sales", stewards=[self.users[0]])
        self.domains = [
            top,
            make_domain("crm", parent=top),
            make_domain("hr", stewards=[self.groups[1]]),
        ]
        self.datasets = [self._dataset(number) for number in range(7)]
        for source, target in zip(self.datasets, self.datasets[1:], strict=False):
            self._edges(source, target)
        for _ in range(6):
            self._grant()
        for number in range(5):
            self.publish(self.policy(number))

    @property
    def by(self):
        return principal_of(self.keeper)

    def publish(self, document):
        publish_policy(save_policy_draft(document, by=self.by), by=self.by)

    def _dataset(self, number):
        some = self.dice.choice([[], [self.dice.choice(TAGS)]])
        return make_dataset(
            f"{self.dice.choice(['raw', 'mart'])}.t{number}",
            domain=self.dice.choice([None, *self.domains]),
            owners=self.dice.choice([[], [], [self.dice.choice([*self.users, *self.groups])]]),
            tags=self.dice.choice([[], [self.dice.choice(TAGS)]]),
            fields=[("id", "long"), ("mail", "string", some), ("region", "string")],
        )

    def _edges(self, source, target):
        for name in ("mail", "region"):
            if self.dice.random() < 0.7:
                pair = [Field.objects.get(dataset=each, name=name) for each in (source, target)]
                FieldEdge.objects.create(
                    source=pair[0],
                    target=pair[1],
                    type=self.dice.choice(["", "DIRECT", "INDIRECT"]),
                )
                if self.dice.random() < 0.2:
                    Declassification.objects.create(source=pair[0], target=pair[1], reason="r")

    def _grant(self):
        reads = self.dice.random() < 0.6
        create_grant(
            actor="system",
            granted_by=None,
            subject=self.dice.choice([*self.users, *self.groups]),
            target=self.dice.choice([*self.datasets, *self.domains]),
            action=Action.READ if reads else self.dice.choice([Action.DISCOVER, Action.APPROVE]),
            row_filter=self.dice.choice([None, "id > 3"]) if reads else None,
            columns=self.dice.choice([None, ["mail", "id"]]) if reads else None,
            purpose=self.dice.choice(["", "", "study"]),
            expires_at=utc_now() + timedelta(days=3),
        )

    def policy(self, number):
        """A random policy document."""
        dice, effect = self.dice, self.dice.choice(EFFECTS)
        paths = ["sales", "sales/crm", "hr"]
        scope = dice.choice(
            [{"domain": [dice.choice(paths)]}, {"tags": [dice.choice(TAGS)]}, {"name": ["raw.*"]}]
        )
        if "column_mask" in effect:
            scope = {**dice.choice([{}, scope]), "field_tags": [dice.choice([*TAGS, "pii.*"])]}
        more = dice.choice(
            [
                {},
                {"subjects": {"groups": [dice.choice(GROUPS)]}},
                {"subjects": {"users": [dice.choice(USERS)]}},
                {"subjects": {"attributes": {"region": ["EU"]}}},
            ]
        )
        if dice.random() < 0.3:
            more = {**more, "except": {"groups": [dice.choice(GROUPS)]}}
        if dice.random() < 0.2:
            more = {**more, "purpose": ["study"]}
        return {"name": f"p{number}", "applies_to": scope, "effect": effect, **more}

    def draft(self):
        """A random draft, of one to four changes that each can be made after those before."""
        kinds = self.dice.sample([*self._changes()], self.dice.randint(1, 4))
        changes = [change for kind in kinds if (change := self._changes()[kind]()) is not None]
        return {"changes": changes or [{"put_tag": self._tag()}]}

    def _changes(self):
        return {
            "put": lambda: {"put_policy": self.policy(self.dice.randint(0, 7))},
            "withdraw": lambda: {"withdraw_policy": self.dice.choice(self._in_force())},
            "tag": lambda: {"put_tag": self._tag()},
            "untag": self._untag,
            "join": lambda: {"add_members": self._members()},
            "leave": lambda: {"remove_members": self._members()},
            "grant": self._give,
            "revoke": self._revoke,
            "move": lambda: {
                "move_dataset": {
                    "dataset": self._name(),
                    "domain": self.dice.choice([None, "sales", "crm", "hr"]),
                }
            },
            "branch": lambda: {
                "move_domain": {"domain": "crm", "parent": self.dice.choice([None, "hr", "sales"])}
            },
            "declassify": self._declassify,
            "reclassify": self._reclassify,
        }

    def _in_force(self):
        rows = PolicyVersion.objects.filter(status="published")
        return sorted(rows.values_list("policy__name", flat=True))

    def _name(self):
        each = self.dice.choice(self.datasets)
        return f"{each.namespace}:{each.name}"

    def _tag(self):
        field = self.dice.choice([{}, {"field": "mail"}, {"field": "region"}])
        return {"tag": self.dice.choice([*TAGS, "pii.new"]), "dataset": self._name(), **field}

    def _untag(self):
        from catalog.models import DatasetTag, FieldTag

        row = DatasetTag.objects.first()
        field = FieldTag.objects.select_related("field__dataset", "tag").order_by("?").first()
        if field is not None:
            return {
                "take_tag": {
                    "tag": field.tag.name,
                    "dataset": str(field.field.dataset.uuid),
                    "field": field.field.name,
                }
            }
        return row and {"take_tag": {"tag": row.tag.name, "dataset": str(row.dataset.uuid)}}

    def _members(self):
        return {"group": self.dice.choice(GROUPS), "users": self.dice.sample(USERS, 2)}

    def _give(self):
        action = self.dice.choice(["read", "discover", "manage"])
        some = {"columns": ["mail"], "row_filter": "id > 2"} if action == "read" else {}
        return {
            "give_grant": {
                **self.dice.choice(
                    [{"user": self.dice.choice(USERS)}, {"group": self.dice.choice(GROUPS)}]
                ),
                **self.dice.choice(
                    [{"dataset": self._name()}, {"domain": self.dice.choice(["sales", "hr"])}]
                ),
                "action": action,
                **({} if self.dice.random() < 0.5 else some),
                **({} if self.dice.random() < 0.7 else {"purpose": "study"}),
            }
        }

    def _revoke(self):
        rows = [row for model in GRANT_MODELS for row in grant_rows(model)]
        return {"revoke_grant": str(self.dice.choice(rows).uuid)} if rows else None

    def _edge(self, *, declassified):
        pairs = set(Declassification.objects.values_list("source", "target"))
        found = [
            e
            for e in FieldEdge.objects.all()
            if ((e.source_id, e.target_id) in pairs) is declassified
        ]
        if not found:
            return None
        edge = self.dice.choice(found)
        ends = {"source": edge.source, "target": edge.target}
        return {
            end: {"dataset": str(row.dataset.uuid), "field": row.name} for end, row in ends.items()
        }

    def _declassify(self):
        edge = self._edge(declassified=False)
        return edge and {"declassify": {**edge, "reason": "r"}}

    def _reclassify(self):
        edge = self._edge(declassified=True)
        return edge and {"reclassify": edge}


def all_datasets():
    return list(Dataset.objects.live().order_by("pk"))
