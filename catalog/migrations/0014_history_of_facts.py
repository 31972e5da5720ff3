"""A history of the names of tags, of field lineage, and of all that decisions read of a field."""

import core.clock
import core.ids
import django.core.validators
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


# What the history lacked until now, as far as the rows of today and the log of edges know it. Nothing refers to a row of
# history, so that data and tables may change in one transaction.
_SEED = """
UPDATE catalog_fieldevent e SET uuid = f.uuid, ordinal = f.ordinal, nullable = f.nullable, field_id = f.field_id
FROM catalog_field f WHERE f.id = e.pgh_obj_id;

INSERT INTO catalog_tagevent (pgh_created_at, pgh_label, pgh_obj_id, name)
SELECT (SELECT COALESCE(min(applied), now()) FROM django_migrations), 'seed', id, name FROM catalog_tag;

WITH logged AS (
    SELECT edge_id, min(logged_at) FILTER (WHERE opened) AS opened_at, max(logged_at) FILTER (WHERE NOT opened) AS closed_at
    FROM catalog_edgelog WHERE kind = 2 GROUP BY edge_id
), edge AS (
    SELECT e.*, LEAST(COALESCE(l.opened_at, e.valid_from), now()) AS opened_at,
           LEAST(COALESCE(l.closed_at, e.valid_to), now()) AS closed_at
    FROM catalog_fieldedge e LEFT JOIN logged l ON l.edge_id = e.id
)
INSERT INTO catalog_fieldedgeevent (pgh_created_at, pgh_label, pgh_obj_id, source_id, target_id, type, valid_from, valid_to)
SELECT at, label, id, source_id, target_id, type, valid_from, ended FROM (
    SELECT opened_at AS at, 'seed' AS label, id, source_id, target_id, type, valid_from, NULL::timestamptz AS ended, 1 AS place
    FROM edge
    UNION ALL
    SELECT GREATEST(opened_at, closed_at), 'update', id, source_id, target_id, type, valid_from, valid_to, 2
    FROM edge WHERE valid_to IS NOT NULL
) found ORDER BY id, place;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0013_search_words'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        migrations.CreateModel(
            name='FieldEdgeEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('type', models.CharField(blank=True, help_text='DIRECT or INDIRECT', max_length=20)),
                ('valid_from', models.DateTimeField(default=core.clock.utc_now)),
                ('valid_to', models.DateTimeField(null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.RenameModel('FieldDatasetNameTypeRemovedAtEvent', 'FieldEvent'),
        migrations.AddField('fieldevent', 'uuid', models.UUIDField(default=core.ids.uuid7, editable=False)),
        migrations.AddField('fieldevent', 'ordinal', models.PositiveIntegerField(default=0)),
        migrations.AddField('fieldevent', 'nullable', models.BooleanField(default=True)),
        migrations.AddField('fieldevent', 'field_id', models.IntegerField(blank=True, null=True)),
        migrations.CreateModel(
            name='TagEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('name', models.CharField(max_length=100, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_-]*(\\.[a-z0-9][a-z0-9_-]*)*$')])),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='field',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='field',
            name='delete_delete',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='field',
            name='insert_insert',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='field',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "catalog_fieldevent" ("dataset_id", "field_id", "name", "nullable", "ordinal", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "removed_at", "type", "uuid") SELECT new_values."dataset_id", new_values."field_id", new_values."name", new_values."nullable", new_values."ordinal", _pgh_attached_context.value, NOW(), \'insert\', new_values."id", new_values."removed_at", new_values."type", new_values."uuid" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='1daa217985c86c04777c501cab59b1708578b7af', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_e3d6f', referencing='REFERENCING NEW TABLE AS new_values ', table='catalog_field', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='field',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."dataset_id" IS DISTINCT FROM (NEW."dataset_id") OR OLD."field_id" IS DISTINCT FROM (NEW."field_id") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."nullable" IS DISTINCT FROM (NEW."nullable") OR OLD."ordinal" IS DISTINCT FROM (NEW."ordinal") OR OLD."removed_at" IS DISTINCT FROM (NEW."removed_at") OR OLD."type" IS DISTINCT FROM (NEW."type") OR OLD."uuid" IS DISTINCT FROM (NEW."uuid"))', func='INSERT INTO "catalog_fieldevent" ("dataset_id", "field_id", "name", "nullable", "ordinal", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "removed_at", "type", "uuid") VALUES (NEW."dataset_id", NEW."field_id", NEW."name", NEW."nullable", NEW."ordinal", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."removed_at", NEW."type", NEW."uuid"); RETURN NULL;', hash='49f0c1ba561fe4b4533bea2f9aff4ef1ba0fbcf0', operation='UPDATE', pgid='pgtrigger_update_update_dcd0c', table='catalog_field', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='field',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_fieldevent" ("dataset_id", "field_id", "name", "nullable", "ordinal", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "removed_at", "type", "uuid") VALUES (OLD."dataset_id", OLD."field_id", OLD."name", OLD."nullable", OLD."ordinal", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."removed_at", OLD."type", OLD."uuid"); RETURN NULL;', hash='b94c97f4160dff70f5b36ba199a39621335d779d', operation='DELETE', pgid='pgtrigger_delete_delete_cb3bf', table='catalog_field', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fieldedge',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "catalog_fieldedgeevent" ("pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "source_id", "target_id", "type", "valid_from", "valid_to") SELECT _pgh_attached_context.value, NOW(), \'insert\', new_values."id", new_values."source_id", new_values."target_id", new_values."type", new_values."valid_from", new_values."valid_to" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='54ba6e75ce0250f46b8b500b0e42f89becb28246', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_a34d3', referencing='REFERENCING NEW TABLE AS new_values ', table='catalog_fieldedge', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fieldedge',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."source_id" IS DISTINCT FROM (NEW."source_id") OR OLD."target_id" IS DISTINCT FROM (NEW."target_id") OR OLD."type" IS DISTINCT FROM (NEW."type") OR OLD."valid_from" IS DISTINCT FROM (NEW."valid_from") OR OLD."valid_to" IS DISTINCT FROM (NEW."valid_to"))', func='INSERT INTO "catalog_fieldedgeevent" ("pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "source_id", "target_id", "type", "valid_from", "valid_to") VALUES (_pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."source_id", NEW."target_id", NEW."type", NEW."valid_from", NEW."valid_to"); RETURN NULL;', hash='6ea4b824ee10f2a602094b0f7650ce8cb0094aec', operation='UPDATE', pgid='pgtrigger_update_update_f3b3c', table='catalog_fieldedge', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fieldedge',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_fieldedgeevent" ("pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "source_id", "target_id", "type", "valid_from", "valid_to") VALUES (_pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."source_id", OLD."target_id", OLD."type", OLD."valid_from", OLD."valid_to"); RETURN NULL;', hash='e84552f7dc25c7eca9de43488f7bdfaa86d02a8f', operation='DELETE', pgid='pgtrigger_delete_delete_77a0d', table='catalog_fieldedge', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tag',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "catalog_tagevent" ("name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") SELECT new_values."name", _pgh_attached_context.value, NOW(), \'insert\', new_values."id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='e6c1fe445ef2d848775d02f3cc8ac0d0274205b0', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_14ba9', referencing='REFERENCING NEW TABLE AS new_values ', table='catalog_tag', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tag',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."name" IS DISTINCT FROM (NEW."name"))', func='INSERT INTO "catalog_tagevent" ("name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='e71acc70b4e90737f4e0c7c7fd2816e03d218450', operation='UPDATE', pgid='pgtrigger_update_update_cd483', table='catalog_tag', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tag',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_tagevent" ("name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id"); RETURN NULL;', hash='75727af361cedc032b942fb6fb0929cffda7b994', operation='DELETE', pgid='pgtrigger_delete_delete_e3675', table='catalog_tag', when='AFTER')),
        ),
        migrations.AddField(
            model_name='fieldedgeevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='fieldedgeevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='source_target_type_valid_from_valid_to_events', to='catalog.fieldedge'),
        ),
        migrations.AddField(
            model_name='fieldedgeevent',
            name='source',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='catalog.field'),
        ),
        migrations.AddField(
            model_name='fieldedgeevent',
            name='target',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='catalog.field'),
        ),
        migrations.AlterField(
            model_name='fieldevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='uuid_dataset_name_type_ordinal_nullable_field_id_removed_at_events', to='catalog.field'),
        ),
        migrations.AddField(
            model_name='tagevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='tagevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='name_events', to='catalog.tag'),
        ),
        migrations.RunSQL(_SEED, migrations.RunSQL.noop),
    ]
