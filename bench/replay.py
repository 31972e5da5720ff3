"""A million recorded decisions on data, asked again under a draft: CPU of this process and of its PostgreSQL backend.

One thousand users in twenty groups, five thousand datasets in fifty domains with grants to groups, and records as
`record_decision` writes them, sealed for who asked. The draft masks a field and denies a group, everywhere, so that no
record can be left unread. `quick` reads a fiftieth of them.
"""

import random
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from bench.figures import Figure, figure
from bench.lineage_cpu import backend_seconds, own_database

USERS, GROUPS, DATASETS, DOMAINS = 1_000, 20, 5_000, 50
RECORDS, QUICK_RECORDS = 1_000_000, 20_000
DRAFT = {
    "changes": [
        {
            "put_policy": {
                "name": "mask",
                "applies_to": {"fields": ["mail"], "name": ["*"]},
                "effect": {"column_mask": "replace-with-null"},
            }
        },
        {
            "put_policy": {
                "name": "out",
                "applies_to": {"name": ["*"]},
                "subjects": {"groups": ["group 3"]},
                "effect": {"deny": ["read"]},
            }
        },
    ]
}


def run(*, quick: bool) -> list[Figure]:
    """A database of its own, filled first."""
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    count = QUICK_RECORDS if quick else RECORDS
    with own_database():
        _fill(count)
        return _replay(count)


def _replay(count: int) -> list[Figure]:
    from governance.queries import principal_of
    from governance.services.drafts import find_steps, lay_steps
    from governance.simulation.replay import replay_decisions
    from governance.simulation.supposition import Supposition
    from identity.models import User

    by = principal_of(User.objects.get(username="bench"))
    backend, spent = backend_seconds(), time.process_time()
    supposition = Supposition(lay_steps(find_steps(DRAFT, by=by)))
    found = replay_decisions(supposition, datasets=sorted(supposition.touched), days=30)
    python, server = time.process_time() - spent, backend_seconds() - backend
    note = f"{found.records} records, {found.questions} questions, {dict(found.outcomes)}"
    return [
        figure(
            f"replay of {count:,} decisions",
            "CPU s",
            [(python + server)],
            note="goal 60 s on 2 cores; " + note,
        ),
        figure("of it Python", "CPU s", [python]),
        figure("of it PostgreSQL", "CPU s", [server]),
    ]


def _fill(count: int) -> None:
    from django.contrib.auth.models import Group, Permission
    from django.db import connection

    from catalog.models import Dataset, Domain, Field
    from governance.models import AuditRecord, DomainGroupGrant
    from identity.models import User

    groups = Group.objects.bulk_create(Group(name=f"group {n}") for n in range(GROUPS))
    users = User.objects.bulk_create(User(username=f"user{n}", password="!") for n in range(USERS))  # noqa: S106  # nobody signs in
    member = User.groups.through
    member.objects.bulk_create(
        member(user_id=user.pk, group_id=groups[(n + k) % GROUPS].pk)
        for n, user in enumerate(users)
        for k in range(3)
    )
    domains = Domain.objects.bulk_create(Domain(name=f"d{n}", slug=f"d{n}") for n in range(DOMAINS))
    datasets = Dataset.objects.bulk_create(
        Dataset(namespace="lake", name=f"t{n}", domain=domains[n % DOMAINS])
        for n in range(DATASETS)
    )
    Field.objects.bulk_create(
        (
            Field(dataset=each, name=name, type="string", ordinal=place, field_id=place + 1)
            for each in datasets
            for place, name in enumerate(("id", "mail", "region", "amount"))
        ),
        batch_size=5_000,
    )
    read = Permission.objects.get(codename="read_domain")
    DomainGroupGrant.objects.bulk_create(
        DomainGroupGrant(permission=read, content_object=domain, group=groups[n % GROUPS])
        for n, domain in enumerate(domains)
    )
    AuditRecord.objects.bulk_create(_records(count, datasets), batch_size=5_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _records(count: int, datasets: list[Any]) -> Iterator[Any]:
    """Records of a month, each as the service would have written it."""
    from core.clock import utc_now
    from governance.auditing.body import write_body
    from governance.auditing.subjects import subjects_of
    from governance.models import AuditRecord

    dice, now = random.Random(1), utc_now()  # a world, not a secret
    for _ in range(count):
        user, dataset = f"user{dice.randrange(USERS)}", datasets[int(DATASETS * dice.random() ** 3)]
        at = now - timedelta(seconds=dice.randrange(60, 29 * 86_400))
        written = write_body(
            at=at,
            actor=user,
            action="data.read",
            resource=dataset.node_id,
            payload=_payload(dataset),
            subjects=subjects_of([user]),
        )
        yield AuditRecord(
            at=at,
            actor=written.actor,
            action="data.read",
            resource=written.resource,
            payload=written.body,
            leaf_hash=b"",
        )


def _payload(dataset: Any) -> dict[str, Any]:
    return {
        "dataset": str(dataset.uuid),
        "via": "query",
        "effect": "allow",
        "purpose": None,
        "reasons": [
            {"kind": "grant", "id": "17", "version": None, "text": "a grant on the domain"}
        ],
        "row_filter": None,
        "columns": ["id", "mail", "region", "amount"],
        "masked": {},
        "partly_hidden": {},
        "asked": {"columns": None, "where": None, "limit": 100, "snapshot_id": 7, "files": 3},
    }
