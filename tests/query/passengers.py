"""What the tests of governed reads share: the rows, the grants and the mask."""

import pyarrow as pa
from django.contrib.auth.models import Permission
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField, StringType

from catalog.models import FieldTag
from governance.models import DatasetGroupGrant, Policy, PolicyVersion
from tests.factories.catalog import make_tag

SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=False),
    NestedField(2, "email", StringType(), required=False),
    NestedField(3, "region", StringType(), required=False),
)
ROWS = pa.table(
    {
        "id": [1, 2, 3, 4],
        "email": ["ann@a.example", "bob@b.example", None, "di4@d.example"],
        "region": ["EWR", "JFK", "EWR", None],
    }
)


def grant_team(dataset, team, **narrowing) -> None:
    DatasetGroupGrant.objects.create(
        group=team,
        content_object=dataset,
        permission=Permission.objects.get(codename="read_dataset"),
        **narrowing,
    )


def publish(document: dict) -> None:
    policy = Policy.objects.create(name=document["name"])
    PolicyVersion.objects.create(policy=policy, number=1, status="published", document=document)


def mask_emails(dataset, *, mask="mask-alphanum") -> None:
    FieldTag.objects.create(field=dataset.fields.get(name="email"), tag=make_tag("pii.email"))
    publish(
        {
            "name": "mask-email",
            "applies_to": {"field_tags": ["pii.*"]},
            "effect": {"column_mask": mask},
        }
    )
