"""Findings to review; and a field that gets another name or type is a changed fact as well."""

import core.clock
import core.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# As in 0006, with name and type, on which it hangs whether a row filter fits.
WATCHED = "dataset_id, removed_at IS NULL"


def _trigger(*, columns: str) -> str:
    old, new = (", ".join(f"{row}.{each.strip()}" for each in columns.split(",")) for row in ("OLD", "NEW"))
    return (
        "CREATE OR REPLACE TRIGGER fact_update AFTER UPDATE ON catalog_field FOR EACH ROW "
        f"WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION catalog_field_fact_change();"
    )


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0013_search_words'),
        ("governance", "0009_break_glass"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ReviewMark',
            fields=[
                ('log', models.CharField(max_length=20, primary_key=True, serialize=False)),
                ('position', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='ReviewItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=core.ids.uuid7, editable=False, unique=True)),
                ('kind', models.CharField(choices=[('label-reach', 'a label has reached a dataset that is read'), ('filter-misfit', 'a row filter no longer fits, and denies')], max_length=20)),
                ('key', models.CharField(max_length=200)),
                ('evidence', models.JSONField(default=dict)),
                ('state', models.CharField(choices=[('open', 'nobody has looked yet'), ('acknowledged', 'somebody looks into it'), ('resolved', 'settled')], default='open', max_length=12)),
                ('raised_at', models.DateTimeField(default=core.clock.utc_now, editable=False)),
                ('decided_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('comment', models.TextField(blank=True)),
                ('dataset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reviews', to='catalog.dataset')),
                ('decided_by', models.ForeignKey(blank=True, editable=False, help_text='empty where the cause went away by itself', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-raised_at', '-pk'],
                'indexes': [models.Index(fields=['state', 'kind'], name='review_by_state')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'resolved'), _negated=True), fields=('kind', 'dataset', 'key'), name='review_unsettled_once')],
            },
        ),
        migrations.RunSQL(_trigger(columns=f"{WATCHED}, name, type"), _trigger(columns=WATCHED)),
    ]
