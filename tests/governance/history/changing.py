"""A small world that changes at random, step by step, each step at a time of its own."""

import random
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import Group, Permission
from django.db import connection

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
from governance.models import (
    DatasetGroupGrant,
    DatasetUserGrant,
    Declassification,
    DomainGroupGrant,
    DomainUserGrant,
    Policy,
    PolicyVersion,
)
from identity.models import User
from tests.governance.history.replay import event_models

START = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(hours=1)
TAGS = ("pii.email", "pii.card", "gold")
NAMES = ("id", "mail", "card", "region")
GRANTS = (DatasetUserGrant, DatasetGroupGrant, DomainUserGrant, DomainGroupGrant)
FILTERS = (None, "region = 'EWR'", "region = principal.region")
EFFECTS = (
    {"allow": ["read"]},
    {"allow": ["discover"]},
    {"deny": ["read"]},
    {"row_filter": "region = principal.region"},
    {"column_mask": "replace-with-null"},
    {"column_mask": "mask-alphanum"},
)


class ChangingWorld:
    """`step()` changes something; what it wrote to histories is dated to the step's own time, `now`."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # a world, not a secret
        self.seed, self.steps, self.now = seed, 0, START
        self.domains = [
            Domain.objects.create(name=f"D{seed}-{place}", slug=f"d{seed}-{place}")
            for place in range(3)
        ]
        self.tags = [Tag.objects.create(name=f"{name}{seed}") for name in TAGS]
        self.groups = [Group.objects.create(name=f"g{seed}-{place}") for place in range(3)]
        self.users = [
            User.objects.create(username=f"u{seed}-{place}", attributes={"region": "EWR"})
            for place in range(5)
        ]
        self.datasets, self.fields = [], []
        for place in range(4):
            self._make_dataset(place)
        self._open_to_group()
        self.changes = [getattr(self, name) for name in dir(self) if name.startswith("change_")]
        self._date()

    def step(self) -> None:
        """One to three changes at one time: what a transaction may hold."""
        self.steps += 1
        self.now = START + self.steps * STEP
        for _ in range(self.random.randint(1, 3)):
            self.random.choice(self.changes)()
        self._date()

    def any_time(self) -> datetime:
        """Some instant of this world's life, seldom that of a step."""
        return START + timedelta(seconds=self.random.randint(0, int((self.steps + 1) * 3600)))

    def _date(self) -> None:
        with connection.cursor() as cursor:
            for model in event_models().values():
                table = model._meta.db_table
                cursor.execute(
                    f"UPDATE {table} SET pgh_created_at = %s WHERE pgh_created_at = now()",  # our own tables
                    [self.now],
                )

    def _one(self, rows):
        return self.random.choice(list(rows))

    def _flip(self, model, **key) -> None:
        """Add the row, or take it away where it is."""
        found = model.objects.filter(**key).first()
        if found is None:
            model.objects.create(**key)
        else:
            found.delete()

    def _subject(self):
        if self.random.random() < 0.5:
            return {"user": self._one(self.users)}
        return {"group": self._one(self.groups)}

    def _make_dataset(self, place) -> None:
        dataset = Dataset.objects.create(
            namespace=f"n{self.seed}", name=f"raw.t{place}", domain=self._one(self.domains)
        )
        self.datasets.append(dataset)
        for ordinal, name in enumerate(NAMES):
            type_ = "long" if name == "id" else "string"
            field = Field.objects.create(dataset=dataset, name=name, type=type_, ordinal=ordinal)
            self.fields.append(field)

    def _open_to_group(self) -> None:
        """Somebody may read with a mask, so that answers can differ in more than yes and no."""
        self.users[0].groups.add(self.groups[0])
        self.users[1].groups.add(self.groups[0])
        for domain in self.domains:
            DomainGroupGrant(
                permission=Permission.objects.get(codename="read_domain"),
                content_object=domain,
                group=self.groups[0],
            ).save()
        for tag in self.tags:
            self._publish({"field_tags": [tag.name]}, {"column_mask": "replace-with-null"}, {})

    def change_domain_of_dataset(self):
        dataset = self._one(self.datasets)
        dataset.domain = self.random.choice([None, *self.domains])
        dataset.save(update_fields=["domain"])

    def change_name_of_dataset(self):
        dataset = self._one(self.datasets)
        dataset.name = f"{self.random.choice(['raw', 'mart'])}.named{dataset.pk}"
        dataset.save(update_fields=["name"])

    def change_life_of_dataset(self):
        dataset = self._one(self.datasets)
        dataset.deleted_at = None if dataset.deleted_at else self.now
        dataset.save(update_fields=["deleted_at"])

    def change_tree(self):
        child, parent = self.random.sample(range(3), 2)
        domain = self.domains[max(child, parent)]
        domain.parent = self.random.choice([None, self.domains[min(child, parent)]])
        domain.save(update_fields=["parent"])

    def change_owner(self):
        self._flip(DatasetOwner, dataset=self._one(self.datasets), **self._subject())

    def change_steward(self):
        self._flip(DomainSteward, domain=self._one(self.domains), **self._subject())

    def change_dataset_tag(self):
        self._flip(DatasetTag, dataset=self._one(self.datasets), tag=self._one(self.tags))

    def change_field_tag(self):
        self._flip(FieldTag, field=self._one(self.fields), tag=self._one(self.tags))

    change_field_tag_more = change_field_tag

    def change_tag_name(self):
        tag = self._one(self.tags)
        tag.name = f"{TAGS[self.tags.index(tag)]}{self.seed}{self.random.choice(['', '.old'])}"
        tag.save(update_fields=["name"])

    def change_field(self):
        field = self._one(self.fields)
        kind = self.random.randrange(4)
        if kind == 0:
            field.removed_at = None if field.removed_at else self.now
        elif kind == 1:
            field.nullable = not field.nullable
        elif kind == 2:
            field.ordinal = self.random.randrange(9)
        else:
            field.type = self.random.choice(["string", "long", "date"])
        field.save()

    def change_edge(self):
        """Lineage is told late as often as in time; what is told may be corrected."""
        source, target = self.random.sample(self.fields, 2)
        since = self.now - self.random.choice([0, 0, 5, 20]) * STEP
        open_ = FieldEdge.objects.filter(source=source, target=target, valid_to=None, job=None)
        if (edge := open_.first()) is None:
            kind = self.random.choice(["DIRECT", "DIRECT", "INDIRECT", ""])
            FieldEdge.objects.create(source=source, target=target, valid_from=since, type=kind)
        elif self.random.random() < 0.5:
            edge.valid_to = max(since, edge.valid_from)
            edge.save()
        else:
            edge.delete()

    change_edge_more = change_edge
    change_edge_most = change_edge

    def change_edges_closed(self):
        open_ = list(FieldEdge.objects.filter(valid_to=None)[:8])
        if open_:
            FieldEdge.objects.filter(pk=self._one(open_).pk).update(valid_to=self.now)

    def change_declassification(self):
        edge = FieldEdge.objects.order_by("?").first()
        if edge is not None:
            self._flip(Declassification, source=edge.source, target=edge.target)

    def change_grant(self):
        model = self.random.choice(GRANTS)
        on_dataset = model in (DatasetUserGrant, DatasetGroupGrant)
        kind = "dataset" if on_dataset else "domain"
        verb = self.random.choice(["discover", "view", "read", "read", "manage"])
        holder = (
            {"user": self._one(self.users)}
            if model in (DatasetUserGrant, DomainUserGrant)
            else {"group": self._one(self.groups)}
        )
        narrowed = verb == "read"
        model(
            permission=Permission.objects.get(
                content_type__app_label="catalog", codename=f"{verb}_{kind}"
            ),
            content_object=self._one(self.datasets if on_dataset else self.domains),
            row_filter=self.random.choice(FILTERS) if narrowed else None,
            columns=self.random.choice([None, ["id", "mail"]]) if narrowed else None,
            purpose=self.random.choice(["", "", "billing"]),
            expires_at=self.random.choice([None, self.now + 10 * STEP]),
            **holder,
        ).save()

    change_grant_more = change_grant

    def change_grant_taken(self):
        rows = [row for model in GRANTS for row in model._default_manager.all()]
        if rows:
            self._one(rows).delete()

    def change_policy(self):
        effect = self.random.choice(EFFECTS)
        scope = {"tags": [self._one(self.tags).name]}
        if "column_mask" in effect or self.random.random() < 0.5:
            scope = {"field_tags": [self._one(self.tags).name]}
        elif self.random.random() < 0.4:
            scope = {"domains": [self._one(self.domains).slug]}
        narrow = self.random.random() < 0.6
        self._publish(
            scope, effect, {"subjects": {"groups": [self._one(self.groups).name]}} if narrow else {}
        )

    def _publish(self, scope, effect, more) -> None:
        policy = Policy.objects.create(name=f"p{self.seed}-{Policy.objects.count()}")
        document = {"name": policy.name, "applies_to": scope, "effect": effect, **more}
        PolicyVersion.objects.create(
            policy=policy, number=1, status="published", document=document, published_at=self.now
        )

    def change_policy_retired(self):
        rows = list(PolicyVersion.objects.filter(policy__name__startswith=f"p{self.seed}-"))
        if rows:
            row = self._one(rows)
            row.status = "retired" if row.status == "published" else "published"
            row.save(update_fields=["status"])

    def change_membership(self):
        user, group = self._one(self.users), self._one(self.groups)
        if user.groups.filter(pk=group.pk).exists():
            user.groups.remove(group)
        else:
            user.groups.add(group)

    change_membership_more = change_membership

    def change_user(self):
        user = self._one(self.users)
        kind = self.random.randrange(4)
        if kind == 0:
            user.is_active = not user.is_active
        elif kind == 1:
            user.is_superuser = not user.is_superuser
        elif kind == 2:
            user.attributes = self.random.choice([{}, {"region": "EWR"}, {"region": "JFK"}])
        else:
            user.username = f"{user.username.partition('.')[0]}{self.random.choice(['', '.x'])}"
        user.save()

    def change_group_name(self):
        group = self._one(self.groups)
        group.name = f"g{self.seed}-{self.groups.index(group)}{self.random.choice(['', ' old'])}"
        group.save()
