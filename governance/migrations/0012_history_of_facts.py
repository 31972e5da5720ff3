"""A history of the names of policies; since when the history is whole; which transaction a record is of."""

import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


_SEALED_ONCE = """
DROP TRIGGER audit_record_is_sealed_once ON governance_auditrecord;
CREATE TRIGGER audit_record_is_sealed_once BEFORE UPDATE ON governance_auditrecord
    FOR EACH ROW
    WHEN (OLD.sequence IS NOT NULL OR NEW.sequence IS NULL
          OR (NEW.id, NEW.at, NEW.actor, NEW.action, NEW.resource, NEW.payload, NEW.leaf_hash{column})
             IS DISTINCT FROM
             (OLD.id, OLD.at, OLD.actor, OLD.action, OLD.resource, OLD.payload, OLD.leaf_hash{old}))
    EXECUTE FUNCTION governance_refuse_audit_change();
"""
# An installation that nobody has used yet has a whole history, and no row.
_SEED = """
INSERT INTO governance_policyevent (pgh_created_at, pgh_label, pgh_obj_id, name)
SELECT created_at, 'seed', id, name FROM governance_policy;

INSERT INTO governance_historybeginning (id, installed_at, complete_since)
SELECT 1, (SELECT min(applied) FROM django_migrations), now() WHERE EXISTS (SELECT 1 FROM identity_user);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('governance', '0011_classification'),
        ('catalog', '0014_history_of_facts'),
        ('identity', '0005_history_of_facts'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        migrations.CreateModel(
            name='HistoryBeginning',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('installed_at', models.DateTimeField(null=True)),
                ('complete_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='PolicyEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('name', models.SlugField(db_index=False, max_length=120)),
            ],
            options={
                'abstract': False,
            },
        ),
        # The default comes after the column: records from before say nothing of their transaction.
        migrations.AddField(
            model_name='auditrecord',
            name='transaction_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='auditrecord',
            name='transaction_at',
            field=models.DateTimeField(db_default=django.contrib.postgres.functions.TransactionNow(), db_index=True, editable=False, null=True),
        ),
        migrations.RunSQL(_SEALED_ONCE.format(column=", NEW.transaction_at", old=", OLD.transaction_at"), _SEALED_ONCE.format(column="", old="")),
        pgtrigger.migrations.AddTrigger(
            model_name='policy',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "governance_policyevent" ("name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='ff804f43fe45388909d164f46280cbf31ee6ba82', operation='INSERT', pgid='pgtrigger_insert_insert_2bb3f', table='governance_policy', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='policy',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."name" IS DISTINCT FROM (NEW."name"))', func='INSERT INTO "governance_policyevent" ("name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='8bf224553c52b9ecb7213e3072677cade2b245df', operation='UPDATE', pgid='pgtrigger_update_update_297a6', table='governance_policy', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='policy',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "governance_policyevent" ("name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id"); RETURN NULL;', hash='b4c729c735faa92bb0483fe11b325fa7603be00d', operation='DELETE', pgid='pgtrigger_delete_delete_67c97', table='governance_policy', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='historybeginning',
            constraint=models.CheckConstraint(condition=models.Q(('pk', 1)), name='history_beginning_is_one_row'),
        ),
        migrations.AddField(
            model_name='policyevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='policyevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='name_events', to='governance.policy'),
        ),
        migrations.RunSQL(_SEED, migrations.RunSQL.noop),
    ]
