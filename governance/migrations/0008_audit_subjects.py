"""Persons of the audit log by pseudonym, tiles of its tree, copies of it elsewhere; and placing as the owner.

Records from before keep their bytes and their proofs.
"""

import core.clock
from django.db import migrations, models

_FORWARD = """
CREATE FUNCTION governance_place_audit_records(first bigint, ids bigint[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH placed AS (
        UPDATE public.governance_auditrecord r SET sequence = t.place
        FROM (SELECT u.id, first + u.ordinality - 1 AS place
              FROM unnest(ids) WITH ORDINALITY AS u(id, ordinality)) t
        WHERE r.id = t.id
        RETURNING 1
    )
    SELECT count(*) FROM placed
$$;

-- Called as whoever writes. A function, so that PostgreSQL keeps the plans of its statements.
CREATE FUNCTION governance_append_audit_record(
    at timestamptz, actor text, action text, resource text, payload bytea, leaf_hash bytea, keys bigint[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE key bigint;
BEGIN
    -- No record is sealed with a key that is gone already. No lock is taken. One by one: a plan for all at once, made
    -- while the table was small, would read the whole of it for ever.
    FOREACH key IN ARRAY keys LOOP
        PERFORM 1 FROM public.governance_auditsubject s WHERE s.id = key AND s.wrapped IS NOT NULL;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
    END LOOP;
    INSERT INTO public.governance_auditrecord (at, actor, action, resource, payload, leaf_hash)
    VALUES (at, actor, action, resource, payload, leaf_hash);
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION governance_place_audit_records(bigint, bigint[]) FROM PUBLIC;

CREATE TRIGGER audit_tile_is_not_changed BEFORE UPDATE OR DELETE ON governance_audittile
    FOR EACH ROW EXECUTE FUNCTION governance_refuse_audit_change();
CREATE TRIGGER audit_tile_is_not_truncated BEFORE TRUNCATE ON governance_audittile
    FOR EACH STATEMENT EXECUTE FUNCTION governance_refuse_audit_change();
"""

_BACKWARD = """
DROP TRIGGER audit_tile_is_not_changed ON governance_audittile;
DROP TRIGGER audit_tile_is_not_truncated ON governance_audittile;
DROP FUNCTION governance_append_audit_record(timestamptz, text, text, text, bytea, bytea, bigint[]);
DROP FUNCTION governance_place_audit_records(bigint, bigint[]);
"""


# Django makes them beside each index of a text; nothing asks by prefix, and each record would pay for them.
_DROP_PREFIX_INDEXES = """
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT indexname FROM pg_indexes
        WHERE schemaname = 'public' AND tablename = 'governance_auditrecord' AND indexname LIKE '%\\_like'
    LOOP
        EXECUTE format('DROP INDEX public.%I', name);
    END LOOP;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("governance", "0007_access_stages")]

    operations = [
        migrations.CreateModel(
            name='AuditSegment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first', models.BigIntegerField(unique=True)),
                ('end', models.BigIntegerField(unique=True)),
                ('uri', models.CharField(blank=True, max_length=1100)),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('size', models.BigIntegerField(null=True)),
                ('retained_until', models.DateTimeField(null=True)),
                ('planned_at', models.DateTimeField(default=core.clock.utc_now)),
                ('written_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['first'],
            },
        ),
        migrations.CreateModel(
            name='AuditSubject',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.BinaryField(db_index=True, max_length=32, null=True)),
                ('pseudonym', models.CharField(max_length=40, unique=True)),
                ('wrapped', models.BinaryField(null=True)),
                ('created_at', models.DateTimeField(default=core.clock.utc_now)),
                ('erased_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='AuditTile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('level', models.PositiveSmallIntegerField()),
                ('index', models.BigIntegerField()),
                ('hashes', models.BinaryField()),
                ('root', models.BinaryField(max_length=32)),
            ],
            options={
                'ordering': ['level', 'index'],
                'constraints': [models.UniqueConstraint(fields=('level', 'index'), name='audit_tile_is_one')],
            },
        ),
        migrations.RunSQL(_FORWARD, _BACKWARD),
        migrations.RunSQL(_DROP_PREFIX_INDEXES, migrations.RunSQL.noop),
    ]
