"""Glossary, data products and custom properties."""

import core.clock
import core.ids
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


# From now on a property is declared before it is written. Those that datasets have stay writable, with any value.
DECLARE_WHAT_IS_THERE = """
INSERT INTO catalog_propertydefinition (name, applies_to, schema, description, created_at, updated_at)
SELECT DISTINCT key, 'dataset', '{}'::jsonb, 'in use before properties were declared', now(), now()
  FROM catalog_dataset, jsonb_object_keys(CASE jsonb_typeof(properties) WHEN 'object' THEN properties ELSE '{}' END) AS key
 WHERE length(key) <= 100 AND key ~ '^[a-z][a-z0-9_]*(\\.[a-z0-9_]+)*$'
"""


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('catalog', '0008_namespaces_and_sources'),
        ('pghistory', '0007_auto_20250421_0444'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='DomainProperties',
            fields=[
                ('values', models.JSONField(default=dict)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('domain', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='custom', serialize=False, to='catalog.domain')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='DomainPropertiesEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('values', models.JSONField(default=dict)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='FieldProperties',
            fields=[
                ('values', models.JSONField(default=dict)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('field', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='custom', serialize=False, to='catalog.field')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='FieldPropertiesEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('values', models.JSONField(default=dict)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='FieldTerm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(default=core.clock.utc_now, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name='FieldTermEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('created_at', models.DateTimeField(default=core.clock.utc_now, editable=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='GlossaryTerm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=core.ids.uuid7, editable=False, unique=True)),
                ('name', models.CharField(max_length=200)),
                ('definition', models.TextField(blank=True)),
                ('synonyms', models.JSONField(blank=True, default=list, help_text='other words for the same')),
                ('created_at', models.DateTimeField(default=core.clock.utc_now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='GlossaryTermEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('uuid', models.UUIDField(default=core.ids.uuid7, editable=False)),
                ('name', models.CharField(max_length=200)),
                ('definition', models.TextField(blank=True)),
                ('synonyms', models.JSONField(blank=True, default=list, help_text='other words for the same')),
                ('created_at', models.DateTimeField(default=core.clock.utc_now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='JobProperties',
            fields=[
                ('values', models.JSONField(default=dict)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='custom', serialize=False, to='catalog.job')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='JobPropertiesEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('values', models.JSONField(default=dict)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='PropertyDefinition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*(\\.[a-z0-9_]+)*$')])),
                ('applies_to', models.CharField(choices=[('dataset', 'datasets'), ('field', 'fields'), ('job', 'jobs'), ('domain', 'domains')], max_length=8)),
                ('schema', models.JSONField(help_text='JSON Schema, draft 2020-12, of one value')),
                ('description', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(default=core.clock.utc_now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['applies_to', 'name'],
            },
        ),
        migrations.CreateModel(
            name='PropertyDefinitionEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('name', models.CharField(max_length=100, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*(\\.[a-z0-9_]+)*$')])),
                ('applies_to', models.CharField(choices=[('dataset', 'datasets'), ('field', 'fields'), ('job', 'jobs'), ('domain', 'domains')], max_length=8)),
                ('schema', models.JSONField(help_text='JSON Schema, draft 2020-12, of one value')),
                ('description', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(default=core.clock.utc_now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='DataProduct',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=core.ids.uuid7, editable=False, unique=True)),
                ('name', models.CharField(max_length=200)),
                ('description', models.TextField(blank=True)),
                ('status', models.CharField(choices=[('proposed', 'proposed'), ('draft', 'draft'), ('active', 'active'), ('deprecated', 'deprecated'), ('retired', 'retired')], default='draft', max_length=12)),
                ('created_at', models.DateTimeField(default=core.clock.utc_now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('domain', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='products', to='catalog.domain')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='DataProductEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('uuid', models.UUIDField(default=core.ids.uuid7, editable=False)),
                ('name', models.CharField(max_length=200)),
                ('description', models.TextField(blank=True)),
                ('status', models.CharField(choices=[('proposed', 'proposed'), ('draft', 'draft'), ('active', 'active'), ('deprecated', 'deprecated'), ('retired', 'retired')], default='draft', max_length=12)),
                ('created_at', models.DateTimeField(default=core.clock.utc_now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('domain', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='catalog.domain')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='catalog.dataproduct')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='DataProductOwner',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='owners', to='catalog.dataproduct')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='DataProductOwnerEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('group', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='auth.group')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='catalog.dataproductowner')),
                ('product', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='catalog.dataproduct')),
                ('user', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='DataProductPort',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('direction', models.CharField(choices=[('input', 'the product is made from it'), ('output', 'the product offers it')], default='output', max_length=6)),
                ('dataset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='product_ports', to='catalog.dataset')),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='ports', to='catalog.dataproduct')),
            ],
        ),
        migrations.CreateModel(
            name='DataProductPortEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('direction', models.CharField(choices=[('input', 'the product is made from it'), ('output', 'the product offers it')], default='output', max_length=6)),
                ('dataset', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='catalog.dataset')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='catalog.dataproductport')),
                ('product', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='catalog.dataproduct')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='DatasetTerm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(default=core.clock.utc_now, editable=False)),
                ('dataset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='dataset_terms', to='catalog.dataset')),
            ],
        ),
        migrations.CreateModel(
            name='DatasetTermEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('created_at', models.DateTimeField(default=core.clock.utc_now, editable=False)),
                ('dataset', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='catalog.dataset')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='catalog.datasetterm')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='domainproperties',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_domainpropertiesevent" ("domain_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "updated_at", "values") VALUES (NEW."domain_id", _pgh_attach_context(), NOW(), \'insert\', NEW."domain_id", NEW."updated_at", NEW."values"); RETURN NULL;', hash='3259cc702ab5ae8242622006124c9493a41094bb', operation='INSERT', pgid='pgtrigger_insert_insert_682e5', table='catalog_domainproperties', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='domainproperties',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "catalog_domainpropertiesevent" ("domain_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "updated_at", "values") VALUES (NEW."domain_id", _pgh_attach_context(), NOW(), \'update\', NEW."domain_id", NEW."updated_at", NEW."values"); RETURN NULL;', hash='71a9f975d3e94592d1d4fd36bcf60166f83c9074', operation='UPDATE', pgid='pgtrigger_update_update_1f061', table='catalog_domainproperties', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='domainproperties',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_domainpropertiesevent" ("domain_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "updated_at", "values") VALUES (OLD."domain_id", _pgh_attach_context(), NOW(), \'delete\', OLD."domain_id", OLD."updated_at", OLD."values"); RETURN NULL;', hash='d59dd84979140796d170cc2b3343166134159a6b', operation='DELETE', pgid='pgtrigger_delete_delete_eb4cd', table='catalog_domainproperties', when='AFTER')),
        ),
        migrations.AddField(
            model_name='domainpropertiesevent',
            name='domain',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', serialize=False, to='catalog.domain'),
        ),
        migrations.AddField(
            model_name='domainpropertiesevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='domainpropertiesevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='catalog.domainproperties'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fieldproperties',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_fieldpropertiesevent" ("field_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "updated_at", "values") VALUES (NEW."field_id", _pgh_attach_context(), NOW(), \'insert\', NEW."field_id", NEW."updated_at", NEW."values"); RETURN NULL;', hash='0d8029111f7a11f6cd29f86358eada613b1ea297', operation='INSERT', pgid='pgtrigger_insert_insert_8e44e', table='catalog_fieldproperties', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fieldproperties',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "catalog_fieldpropertiesevent" ("field_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "updated_at", "values") VALUES (NEW."field_id", _pgh_attach_context(), NOW(), \'update\', NEW."field_id", NEW."updated_at", NEW."values"); RETURN NULL;', hash='bd3473fcf7619533f2b348b0554ade6f5be7425a', operation='UPDATE', pgid='pgtrigger_update_update_33c61', table='catalog_fieldproperties', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fieldproperties',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_fieldpropertiesevent" ("field_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "updated_at", "values") VALUES (OLD."field_id", _pgh_attach_context(), NOW(), \'delete\', OLD."field_id", OLD."updated_at", OLD."values"); RETURN NULL;', hash='9e78284f0bc0b587b4f952a45bfa5006e4c61f06', operation='DELETE', pgid='pgtrigger_delete_delete_69db4', table='catalog_fieldproperties', when='AFTER')),
        ),
        migrations.AddField(
            model_name='fieldpropertiesevent',
            name='field',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', serialize=False, to='catalog.field'),
        ),
        migrations.AddField(
            model_name='fieldpropertiesevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='fieldpropertiesevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='catalog.fieldproperties'),
        ),
        migrations.AddField(
            model_name='fieldterm',
            name='field',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='field_terms', to='catalog.field'),
        ),
        migrations.AddField(
            model_name='fieldtermevent',
            name='field',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='catalog.field'),
        ),
        migrations.AddField(
            model_name='fieldtermevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='fieldtermevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='catalog.fieldterm'),
        ),
        migrations.AddField(
            model_name='glossaryterm',
            name='domain',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='terms', to='catalog.domain'),
        ),
        migrations.AddField(
            model_name='glossaryterm',
            name='parent',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='children', to='catalog.glossaryterm'),
        ),
        migrations.AddField(
            model_name='fieldtermevent',
            name='term',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='catalog.glossaryterm'),
        ),
        migrations.AddField(
            model_name='fieldterm',
            name='term',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='field_terms', to='catalog.glossaryterm'),
        ),
        migrations.AddField(
            model_name='datasettermevent',
            name='term',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='catalog.glossaryterm'),
        ),
        migrations.AddField(
            model_name='datasetterm',
            name='term',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='dataset_terms', to='catalog.glossaryterm'),
        ),
        migrations.AddField(
            model_name='glossarytermevent',
            name='domain',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='catalog.domain'),
        ),
        migrations.AddField(
            model_name='glossarytermevent',
            name='parent',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='catalog.glossaryterm'),
        ),
        migrations.AddField(
            model_name='glossarytermevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='glossarytermevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='catalog.glossaryterm'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='jobproperties',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_jobpropertiesevent" ("job_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "updated_at", "values") VALUES (NEW."job_id", _pgh_attach_context(), NOW(), \'insert\', NEW."job_id", NEW."updated_at", NEW."values"); RETURN NULL;', hash='fd83290309de567a44bc9d809ff32e9877bdcf8d', operation='INSERT', pgid='pgtrigger_insert_insert_5742e', table='catalog_jobproperties', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='jobproperties',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "catalog_jobpropertiesevent" ("job_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "updated_at", "values") VALUES (NEW."job_id", _pgh_attach_context(), NOW(), \'update\', NEW."job_id", NEW."updated_at", NEW."values"); RETURN NULL;', hash='1346aa4f9d964590a21c5f83dfd4a2f0961e9c2e', operation='UPDATE', pgid='pgtrigger_update_update_8a8d1', table='catalog_jobproperties', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='jobproperties',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_jobpropertiesevent" ("job_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "updated_at", "values") VALUES (OLD."job_id", _pgh_attach_context(), NOW(), \'delete\', OLD."job_id", OLD."updated_at", OLD."values"); RETURN NULL;', hash='2825b721c1ef1ac810ef9759f735697d1a042906', operation='DELETE', pgid='pgtrigger_delete_delete_3ab20', table='catalog_jobproperties', when='AFTER')),
        ),
        migrations.AddField(
            model_name='jobpropertiesevent',
            name='job',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', serialize=False, to='catalog.job'),
        ),
        migrations.AddField(
            model_name='jobpropertiesevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='jobpropertiesevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='catalog.jobproperties'),
        ),
        migrations.AddConstraint(
            model_name='propertydefinition',
            constraint=models.UniqueConstraint(fields=('applies_to', 'name'), name='property_defined_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='propertydefinition',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_propertydefinitionevent" ("applies_to", "created_at", "description", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "schema", "updated_at") VALUES (NEW."applies_to", NEW."created_at", NEW."description", NEW."id", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."schema", NEW."updated_at"); RETURN NULL;', hash='cf3d8508ce6d07779ff4e144a44d3dd65d11037d', operation='INSERT', pgid='pgtrigger_insert_insert_1771d', table='catalog_propertydefinition', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='propertydefinition',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "catalog_propertydefinitionevent" ("applies_to", "created_at", "description", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "schema", "updated_at") VALUES (NEW."applies_to", NEW."created_at", NEW."description", NEW."id", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."schema", NEW."updated_at"); RETURN NULL;', hash='65fa7713182bf988e3c5ab755a2fd6c6f5c84e15', operation='UPDATE', pgid='pgtrigger_update_update_7bb88', table='catalog_propertydefinition', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='propertydefinition',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_propertydefinitionevent" ("applies_to", "created_at", "description", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "schema", "updated_at") VALUES (OLD."applies_to", OLD."created_at", OLD."description", OLD."id", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."schema", OLD."updated_at"); RETURN NULL;', hash='4487e456518c9e090bc663b2fa47dbe294e33969', operation='DELETE', pgid='pgtrigger_delete_delete_dd92e', table='catalog_propertydefinition', when='AFTER')),
        ),
        migrations.AddField(
            model_name='propertydefinitionevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='propertydefinitionevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='catalog.propertydefinition'),
        ),
        migrations.AddIndex(
            model_name='dataproduct',
            index=models.Index(fields=['name', 'id'], name='product_by_name'),
        ),
        migrations.AddConstraint(
            model_name='dataproduct',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('name'), models.F('domain'), name='product_once_in_its_domain'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dataproduct',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_dataproductevent" ("created_at", "description", "domain_id", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "status", "updated_at", "uuid") VALUES (NEW."created_at", NEW."description", NEW."domain_id", NEW."id", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."status", NEW."updated_at", NEW."uuid"); RETURN NULL;', hash='8d8616359e7d91d5e159e3153dcd4e3b71d8f130', operation='INSERT', pgid='pgtrigger_insert_insert_1235d', table='catalog_dataproduct', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dataproduct',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "catalog_dataproductevent" ("created_at", "description", "domain_id", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "status", "updated_at", "uuid") VALUES (NEW."created_at", NEW."description", NEW."domain_id", NEW."id", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."status", NEW."updated_at", NEW."uuid"); RETURN NULL;', hash='b73d7a0eb0e5ca5f04a90c57297d09f8f6cda93a', operation='UPDATE', pgid='pgtrigger_update_update_c76e3', table='catalog_dataproduct', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dataproduct',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_dataproductevent" ("created_at", "description", "domain_id", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "status", "updated_at", "uuid") VALUES (OLD."created_at", OLD."description", OLD."domain_id", OLD."id", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."status", OLD."updated_at", OLD."uuid"); RETURN NULL;', hash='0cbbd5d980308a8c1c9b1e25807925c12c8ceec6', operation='DELETE', pgid='pgtrigger_delete_delete_ded7e', table='catalog_dataproduct', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='dataproductowner',
            constraint=models.CheckConstraint(condition=models.Q(('user', None), ('group', None), _connector='XOR'), name='product_owner_is_user_or_group'),
        ),
        migrations.AddConstraint(
            model_name='dataproductowner',
            constraint=models.UniqueConstraint(fields=('product', 'user', 'group'), name='product_owner_once', nulls_distinct=False),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dataproductowner',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_dataproductownerevent" ("group_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "product_id", "user_id") VALUES (NEW."group_id", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."product_id", NEW."user_id"); RETURN NULL;', hash='f2791752a7759883a24b1065acdd19e6d6ede78d', operation='INSERT', pgid='pgtrigger_insert_insert_2fbb3', table='catalog_dataproductowner', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dataproductowner',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "catalog_dataproductownerevent" ("group_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "product_id", "user_id") VALUES (NEW."group_id", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."product_id", NEW."user_id"); RETURN NULL;', hash='d8e9a69a400cadcd055660f0368f51442f04ce2d', operation='UPDATE', pgid='pgtrigger_update_update_bc157', table='catalog_dataproductowner', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dataproductowner',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_dataproductownerevent" ("group_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "product_id", "user_id") VALUES (OLD."group_id", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."product_id", OLD."user_id"); RETURN NULL;', hash='5eeda25167222bfda7ba753518ef05e12502b11e', operation='DELETE', pgid='pgtrigger_delete_delete_75b06', table='catalog_dataproductowner', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='dataproductport',
            constraint=models.UniqueConstraint(fields=('product', 'dataset', 'direction'), name='product_port_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dataproductport',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_dataproductportevent" ("dataset_id", "direction", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "product_id") VALUES (NEW."dataset_id", NEW."direction", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."product_id"); RETURN NULL;', hash='0dca1783e573e9b4f6045d23f614c8c50d383740', operation='INSERT', pgid='pgtrigger_insert_insert_b26d2', table='catalog_dataproductport', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dataproductport',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "catalog_dataproductportevent" ("dataset_id", "direction", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "product_id") VALUES (NEW."dataset_id", NEW."direction", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."product_id"); RETURN NULL;', hash='d2c425a806887190147429bc4f8e06fb18784d83', operation='UPDATE', pgid='pgtrigger_update_update_97c64', table='catalog_dataproductport', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dataproductport',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_dataproductportevent" ("dataset_id", "direction", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "product_id") VALUES (OLD."dataset_id", OLD."direction", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."product_id"); RETURN NULL;', hash='a550d9b569055186f3946febabaeb7518fd2273a', operation='DELETE', pgid='pgtrigger_delete_delete_26480', table='catalog_dataproductport', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='glossaryterm',
            index=models.Index(fields=['name', 'id'], name='term_by_name'),
        ),
        migrations.AddConstraint(
            model_name='glossaryterm',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('name'), models.F('domain'), name='term_once_in_its_domain'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='glossaryterm',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_glossarytermevent" ("created_at", "definition", "domain_id", "id", "name", "parent_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "synonyms", "updated_at", "uuid") VALUES (NEW."created_at", NEW."definition", NEW."domain_id", NEW."id", NEW."name", NEW."parent_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."synonyms", NEW."updated_at", NEW."uuid"); RETURN NULL;', hash='9f51dccc5bbaaf7f44e4703cf03aededc1af4fea', operation='INSERT', pgid='pgtrigger_insert_insert_a5337', table='catalog_glossaryterm', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='glossaryterm',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "catalog_glossarytermevent" ("created_at", "definition", "domain_id", "id", "name", "parent_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "synonyms", "updated_at", "uuid") VALUES (NEW."created_at", NEW."definition", NEW."domain_id", NEW."id", NEW."name", NEW."parent_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."synonyms", NEW."updated_at", NEW."uuid"); RETURN NULL;', hash='c14d0a1f6dd8322de2a782cb2b19c8c72388ad2f', operation='UPDATE', pgid='pgtrigger_update_update_86e51', table='catalog_glossaryterm', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='glossaryterm',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_glossarytermevent" ("created_at", "definition", "domain_id", "id", "name", "parent_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "synonyms", "updated_at", "uuid") VALUES (OLD."created_at", OLD."definition", OLD."domain_id", OLD."id", OLD."name", OLD."parent_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."synonyms", OLD."updated_at", OLD."uuid"); RETURN NULL;', hash='c545ae72bcd17786061e47c05433350b7809ca00', operation='DELETE', pgid='pgtrigger_delete_delete_82002', table='catalog_glossaryterm', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='fieldterm',
            constraint=models.UniqueConstraint(fields=('field', 'term'), name='field_term_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fieldterm',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_fieldtermevent" ("created_at", "field_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "term_id") VALUES (NEW."created_at", NEW."field_id", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."term_id"); RETURN NULL;', hash='4c378c6df01d4435a3e33ce3ec25f628c6585b3c', operation='INSERT', pgid='pgtrigger_insert_insert_48b75', table='catalog_fieldterm', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fieldterm',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "catalog_fieldtermevent" ("created_at", "field_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "term_id") VALUES (NEW."created_at", NEW."field_id", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."term_id"); RETURN NULL;', hash='95818012d59754c6ec9199d1cc7d378907139de0', operation='UPDATE', pgid='pgtrigger_update_update_88de6', table='catalog_fieldterm', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fieldterm',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_fieldtermevent" ("created_at", "field_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "term_id") VALUES (OLD."created_at", OLD."field_id", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."term_id"); RETURN NULL;', hash='c2feb07209aa137081dff117951571ff0837797f', operation='DELETE', pgid='pgtrigger_delete_delete_0038d', table='catalog_fieldterm', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='datasetterm',
            constraint=models.UniqueConstraint(fields=('dataset', 'term'), name='dataset_term_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='datasetterm',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_datasettermevent" ("created_at", "dataset_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "term_id") VALUES (NEW."created_at", NEW."dataset_id", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."term_id"); RETURN NULL;', hash='1cd55a2e61edd36bf9780fbcc8e8d1fbaf1873c9', operation='INSERT', pgid='pgtrigger_insert_insert_a6026', table='catalog_datasetterm', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='datasetterm',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "catalog_datasettermevent" ("created_at", "dataset_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "term_id") VALUES (NEW."created_at", NEW."dataset_id", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."term_id"); RETURN NULL;', hash='3fe8fb9f0da625af52914aca0eb59a93c6300950', operation='UPDATE', pgid='pgtrigger_update_update_b6c9f', table='catalog_datasetterm', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='datasetterm',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "catalog_datasettermevent" ("created_at", "dataset_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "term_id") VALUES (OLD."created_at", OLD."dataset_id", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."term_id"); RETURN NULL;', hash='b8266197342b357be10782eab169a004d16920ac', operation='DELETE', pgid='pgtrigger_delete_delete_a668c', table='catalog_datasetterm', when='AFTER')),
        ),
        migrations.RunSQL(DECLARE_WHAT_IS_THERE, migrations.RunSQL.noop),
    ]
