"""What was trimmed of the edge log, and when graphs in memory are to be loaded anew."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0010_contracts")]

    operations = [
        migrations.CreateModel(
            name="EdgeLogHorizon",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("trims", models.BigIntegerField(default=0)),
                ("trimmed_xid", models.BigIntegerField(default=0)),
                ("generation", models.IntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("pk", 1)), name="edge_log_horizon_is_one_row"
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="edgelog",
            index=models.Index(fields=["kind", "xid"], name="edge_log_by_transaction"),
        ),
    ]
