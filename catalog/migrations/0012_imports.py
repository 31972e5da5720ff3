"""Imports, and the history of insertions into large tables a set at a time."""

import core.clock
import core.ids
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0011_edge_log_horizon'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CatalogImport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=core.ids.uuid7, editable=False, unique=True)),
                ('state', models.CharField(choices=[('running', 'lines are still to come, or the stream broke off'), ('completed', 'every line was read')], default='running', max_length=10)),
                ('acknowledged_line', models.BigIntegerField(default=0)),
                ('digest', models.CharField(blank=True, max_length=64)),
                ('cuts', models.JSONField(default=list)),
                ('created', models.BigIntegerField(default=0)),
                ('updated', models.BigIntegerField(default=0)),
                ('unchanged', models.BigIntegerField(default=0)),
                ('refused', models.BigIntegerField(default=0)),
                ('created_at', models.DateTimeField(default=core.clock.utc_now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='ImportProblem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('line', models.BigIntegerField()),
                ('problem', models.JSONField(help_text='RFC 9457 members')),
            ],
            options={
                'ordering': ['run_id', 'line'],
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='dataset',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='datasetowner',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='datasettag',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='datasetterm',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='field',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='fieldtag',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='fieldterm',
            name='insert_insert',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dataset',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "catalog_datasetnamespacenamekinddomaindeletedatevent" ("deleted_at", "domain_id", "kind", "name", "namespace", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") SELECT new_values."deleted_at", new_values."domain_id", new_values."kind", new_values."name", new_values."namespace", _pgh_attached_context.value, NOW(), \'insert\', new_values."id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='bbeccb17b4275e0d2128510df03073c0fc6210ee', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_77ebf', referencing='REFERENCING NEW TABLE AS new_values ', table='catalog_dataset', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='datasetowner',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "catalog_datasetownerevent" ("dataset_id", "group_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "user_id") SELECT new_values."dataset_id", new_values."group_id", new_values."id", _pgh_attached_context.value, NOW(), \'insert\', new_values."id", new_values."user_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='d1e6e5523c31c5dc886997642c311ca164e145f9', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_27997', referencing='REFERENCING NEW TABLE AS new_values ', table='catalog_datasetowner', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='datasettag',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "catalog_datasettagevent" ("created_at", "dataset_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "source", "tag_id") SELECT new_values."created_at", new_values."dataset_id", new_values."id", _pgh_attached_context.value, NOW(), \'insert\', new_values."id", new_values."source", new_values."tag_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='b15089d37611692cdf4513b76a78953a8078aeaf', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_79573', referencing='REFERENCING NEW TABLE AS new_values ', table='catalog_datasettag', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='datasetterm',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "catalog_datasettermevent" ("created_at", "dataset_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "term_id") SELECT new_values."created_at", new_values."dataset_id", new_values."id", _pgh_attached_context.value, NOW(), \'insert\', new_values."id", new_values."term_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='3950060eca85d523432990e25d453c01909c9d50', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_a6026', referencing='REFERENCING NEW TABLE AS new_values ', table='catalog_datasetterm', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='field',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "catalog_fielddatasetnametyperemovedatevent" ("dataset_id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "removed_at", "type") SELECT new_values."dataset_id", new_values."name", _pgh_attached_context.value, NOW(), \'insert\', new_values."id", new_values."removed_at", new_values."type" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='2826f234d7937f83ac91f007a4b159b55bb8a030', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_e3d6f', referencing='REFERENCING NEW TABLE AS new_values ', table='catalog_field', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fieldtag',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "catalog_fieldtagevent" ("created_at", "field_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "source", "tag_id") SELECT new_values."created_at", new_values."field_id", new_values."id", _pgh_attached_context.value, NOW(), \'insert\', new_values."id", new_values."source", new_values."tag_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='f42700b78c59d52df7366ce9a1b71dfe461a0c35', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_3b91b', referencing='REFERENCING NEW TABLE AS new_values ', table='catalog_fieldtag', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fieldterm',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "catalog_fieldtermevent" ("created_at", "field_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "term_id") SELECT new_values."created_at", new_values."field_id", new_values."id", _pgh_attached_context.value, NOW(), \'insert\', new_values."id", new_values."term_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='8f9f163779a8eeb6458a66f7bd0a2497ecd7a2ca', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_48b75', referencing='REFERENCING NEW TABLE AS new_values ', table='catalog_fieldterm', when='AFTER')),
        ),
        migrations.AddField(
            model_name='catalogimport',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='importproblem',
            name='run',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='problems', to='catalog.catalogimport'),
        ),
        migrations.AddConstraint(
            model_name='importproblem',
            constraint=models.UniqueConstraint(fields=('run', 'line'), name='import_problem_once'),
        ),
    ]
