"""Data contracts, version by version."""

import core.clock
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0009_glossary_and_products'),
    ]

    operations = [
        migrations.CreateModel(
            name='DataContract',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('document', models.JSONField(help_text='the contract as JSON, whole')),
                ('source', models.TextField()),
                ('media_type', models.CharField(max_length=60)),
                ('fingerprint', models.CharField(help_text='SHA-256 of the document', max_length=64)),
                ('actor', models.CharField(max_length=200)),
                ('created_at', models.DateTimeField(default=core.clock.utc_now, editable=False)),
                ('dataset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='contracts', to='catalog.dataset')),
            ],
            options={
                'ordering': ['dataset_id', '-number'],
                'constraints': [models.UniqueConstraint(fields=('dataset', 'number'), name='contract_number_once')],
            },
        ),
    ]
