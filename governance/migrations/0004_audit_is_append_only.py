"""The database itself keeps the audit log append-only.

A record may change once, when sealing gives it its place; nothing else is ever updated, deleted or truncated. Whoever
owns the tables can drop a trigger, which is what the signed checkpoints are for.
"""

from django.db import migrations

_FORWARD = """
CREATE FUNCTION governance_refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the audit log is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER audit_record_is_sealed_once BEFORE UPDATE ON governance_auditrecord
    FOR EACH ROW
    WHEN (OLD.sequence IS NOT NULL OR NEW.sequence IS NULL
          OR (NEW.id, NEW.at, NEW.actor, NEW.action, NEW.resource, NEW.payload, NEW.leaf_hash)
             IS DISTINCT FROM
             (OLD.id, OLD.at, OLD.actor, OLD.action, OLD.resource, OLD.payload, OLD.leaf_hash))
    EXECUTE FUNCTION governance_refuse_audit_change();
CREATE TRIGGER audit_record_is_not_deleted BEFORE DELETE ON governance_auditrecord
    FOR EACH ROW EXECUTE FUNCTION governance_refuse_audit_change();
CREATE TRIGGER audit_record_is_not_truncated BEFORE TRUNCATE ON governance_auditrecord
    FOR EACH STATEMENT EXECUTE FUNCTION governance_refuse_audit_change();
CREATE TRIGGER audit_record_is_born_unsealed BEFORE INSERT ON governance_auditrecord
    FOR EACH ROW WHEN (NEW.sequence IS NOT NULL) EXECUTE FUNCTION governance_refuse_audit_change();

CREATE TRIGGER audit_checkpoint_is_not_changed BEFORE UPDATE OR DELETE ON governance_auditcheckpoint
    FOR EACH ROW EXECUTE FUNCTION governance_refuse_audit_change();
CREATE TRIGGER audit_checkpoint_is_not_truncated BEFORE TRUNCATE ON governance_auditcheckpoint
    FOR EACH STATEMENT EXECUTE FUNCTION governance_refuse_audit_change();
"""

_BACKWARD = """
DROP TRIGGER audit_record_is_sealed_once ON governance_auditrecord;
DROP TRIGGER audit_record_is_not_deleted ON governance_auditrecord;
DROP TRIGGER audit_record_is_not_truncated ON governance_auditrecord;
DROP TRIGGER audit_record_is_born_unsealed ON governance_auditrecord;
DROP TRIGGER audit_checkpoint_is_not_changed ON governance_auditcheckpoint;
DROP TRIGGER audit_checkpoint_is_not_truncated ON governance_auditcheckpoint;
DROP FUNCTION governance_refuse_audit_change();
"""


class Migration(migrations.Migration):
    dependencies = [("governance", "0003_declassification")]

    operations = [migrations.RunSQL(_FORWARD, _BACKWARD)]
