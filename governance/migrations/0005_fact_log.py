"""The log of changed facts: its tables, and nothing that writes to them yet."""

import django.db.models.functions.datetime
from django.db import migrations, models


# Unlogged: a crash of the server empties it, and that is how everybody knows of the crash.
EPOCH = """
CREATE UNLOGGED TABLE governance_factepoch (one boolean PRIMARY KEY DEFAULT true CHECK (one), epoch uuid NOT NULL);
"""


class Migration(migrations.Migration):
    dependencies = [("governance", "0004_audit_is_append_only")]

    operations = [
        migrations.CreateModel(
            name="FactLog",
            fields=[
                ("seq", models.BigAutoField(primary_key=True, serialize=False)),
                ("xid", models.BigIntegerField(db_index=True)),
                (
                    "kind",
                    models.SmallIntegerField(
                        choices=[
                            (0, "a table was emptied: keep nothing"),
                            (1, "a dataset was entered (dataset)"),
                            (2, "name, kind, domain or life of a dataset changed (dataset)"),
                            (3, "a grant to a user (user)"),
                            (4, "a grant to a group (group)"),
                            (5, "a user owns a dataset, or no more (user, dataset)"),
                            (6, "a group owns a dataset, or no more (group, dataset)"),
                            (7, "a tag on a dataset (tag, dataset)"),
                            (8, "a tag on a field (tag, field)"),
                            (9, "the domain tree or its stewards"),
                            (10, "a policy version"),
                            (11, "a field came, went or moved to another dataset (dataset)"),
                            (12, "a tag was made, renamed or removed"),
                            (13, "the searched words of a dataset (dataset)"),
                        ]
                    ),
                ),
                ("key", models.BigIntegerField(default=0)),
                ("value", models.BigIntegerField(default=0)),
            ],
            options={"ordering": ["seq"]},
        ),
        migrations.CreateModel(
            name="FactLogMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), db_index=True
                    ),
                ),
                ("horizon", models.BigIntegerField()),
                ("life", models.CharField(max_length=200)),
            ],
            options={"ordering": ["at"]},
        ),
        migrations.RunSQL(EPOCH, "DROP TABLE governance_factepoch;"),
    ]
