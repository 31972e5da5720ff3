"""A history of the names of users and groups, which policies speak of."""

import django.contrib.auth.models
import django.contrib.auth.validators
import django.db.models.deletion
import identity.models.user
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


# The names as they are: what they were before nobody kept.
_SEED = """
UPDATE identity_userevent e SET username = u.username FROM identity_user u WHERE u.id = e.pgh_obj_id;

INSERT INTO identity_groupevent (pgh_created_at, pgh_label, pgh_obj_id, name)
SELECT (SELECT COALESCE(min(applied), now()) FROM django_migrations), 'seed', id, name FROM auth_group;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('identity', '0004_service_account_owners'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        migrations.CreateModel(
            name='GroupEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('name', models.CharField(max_length=150, verbose_name='name')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.RenameModel('UserIsActiveIsSuperuserAttributesIsServiceEvent', 'UserEvent'),
        migrations.AddField(
            model_name='userevent',
            name='username',
            field=models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username', default=''),
            preserve_default=False,
        ),
        migrations.CreateModel(
            name='NamedGroup',
            fields=[
            ],
            options={
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('auth.group',),
            managers=[
                ('objects', django.contrib.auth.models.GroupManager()),
            ],
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='user',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='user',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='user',
            name='delete_delete',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='user',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "identity_userevent" ("attributes", "is_active", "is_service", "is_superuser", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "username") VALUES (NEW."attributes", NEW."is_active", NEW."is_service", NEW."is_superuser", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."username"); RETURN NULL;', hash='cb2a6030491cb6064fd2ba170d13477e3c7a9ee3', operation='INSERT', pgid='pgtrigger_insert_insert_1aba8', table='identity_user', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='user',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."attributes" IS DISTINCT FROM (NEW."attributes") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."is_service" IS DISTINCT FROM (NEW."is_service") OR OLD."is_superuser" IS DISTINCT FROM (NEW."is_superuser") OR OLD."username" IS DISTINCT FROM (NEW."username"))', func='INSERT INTO "identity_userevent" ("attributes", "is_active", "is_service", "is_superuser", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "username") VALUES (NEW."attributes", NEW."is_active", NEW."is_service", NEW."is_superuser", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."username"); RETURN NULL;', hash='a4155e6219207839256c892428882e045ca77437', operation='UPDATE', pgid='pgtrigger_update_update_edbfc', table='identity_user', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='user',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "identity_userevent" ("attributes", "is_active", "is_service", "is_superuser", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "username") VALUES (OLD."attributes", OLD."is_active", OLD."is_service", OLD."is_superuser", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."username"); RETURN NULL;', hash='6a5098c1b76f2bf673446e71b8ad412cbbf51957', operation='DELETE', pgid='pgtrigger_delete_delete_5b696', table='identity_user', when='AFTER')),
        ),
        migrations.AddField(
            model_name='groupevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AlterField(
            model_name='userevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='username_is_active_is_superuser_attributes_is_service_events', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='groupevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='name_events', to='identity.namedgroup'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='namedgroup',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "identity_groupevent" ("name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='8de127cff732f376f5a3cd42446b097d1be0a2fc', operation='INSERT', pgid='pgtrigger_insert_insert_075c4', table='auth_group', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='namedgroup',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."name" IS DISTINCT FROM (NEW."name"))', func='INSERT INTO "identity_groupevent" ("name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='aa81fd285b40963f508dfd7d96a172216d7925ac', operation='UPDATE', pgid='pgtrigger_update_update_5d674', table='auth_group', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='namedgroup',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "identity_groupevent" ("name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id"); RETURN NULL;', hash='cd76e07cbf4a506be5f1a4073a8d6ec103af7c75', operation='DELETE', pgid='pgtrigger_delete_delete_7b662', table='auth_group', when='AFTER')),
        ),
        migrations.RunSQL(_SEED, migrations.RunSQL.noop),
    ]
