"""Declaring that a derivation carries no label on."""

from django.db import IntegrityError, transaction

from catalog.models import Field
from core import audit
from core.errors import ConflictError, InvalidInputError
from governance.facts import load_facts
from governance.models import Declassification
from governance.policy.types import Action, Principal
from governance.queries import require


@transaction.atomic
def approve_declassification(
    source: Field, target: Field, *, by: Principal, reason: str
) -> Declassification:
    """Stop labels between two fields from now on. Whoever answers for the source's data decides.

    Raises PermissionDeniedError or NotFoundError unless `by` administers the source's dataset and may see the target's.
    """
    require_declassifier(by, source, target)
    if not reason.strip():
        raise InvalidInputError("`reason` must say why nothing protected is left")
    try:
        with transaction.atomic():
            row = Declassification.objects.create(
                source=source, target=target, reason=reason.strip(), approved_by_id=by.id
            )
    except IntegrityError:
        raise ConflictError("this derivation is declassified already") from None
    _audit(row, by=by, action="label.declassify")
    return row


def require_declassifier(by: Principal, source: Field, target: Field) -> None:
    """Raise PermissionDeniedError or NotFoundError unless `by` may stop labels between these fields."""
    facts = load_facts(by)
    require(by, Action.ADMINISTER, source.dataset, facts=facts)
    require(by, Action.VIEW_METADATA, target.dataset, facts=facts)


@transaction.atomic
def withdraw_declassification(row: Declassification, *, by: Principal) -> None:
    """Let labels flow again."""
    require(by, Action.ADMINISTER, row.source.dataset)
    _audit(row, by=by, action="label.reclassify")
    row.delete()


def _audit(row: Declassification, *, by: Principal, action: str) -> None:
    audit.record(
        actor=by.username,
        action=action,
        resource=row.target.dataset.node_id,
        payload={
            "source": str(row.source.uuid),
            "target": str(row.target.uuid),
            "reason": row.reason,
        },
    )
