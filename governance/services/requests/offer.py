"""Less than was asked: offered by one who could approve, accepted or declined by the requester."""

from collections.abc import Collection
from datetime import timedelta

from django.db import transaction

from core.clock import utc_now
from core.errors import InvalidInputError, NotFoundError
from governance.approval.progress import Capacity
from governance.approval.states import Step
from governance.facts import principal_of
from governance.models import AccessRequest, NoticeKind, RequestOffer, Terms
from governance.panel import Panel
from governance.policy.rows import parse_row_filter
from governance.policy.types import Action, Principal
from governance.services.grants import check_rectangle
from governance.services.notices import post_notice
from governance.services.requests.decide import cast_vote, require_capacity
from governance.services.requests.settle import advance, call_stages, locked, record


@transaction.atomic
def offer_less(
    request: AccessRequest,
    *,
    by: Principal,
    columns: Collection[str] | None = None,
    row_filter: str | None = None,
    duration: timedelta | None = None,
    comment: str = "",
) -> AccessRequest:
    """Offer a part of what is asked: some of its `columns`, only rows where `row_filter` holds as well, a shorter time.

    It counts as the agreement of `by` once the requester accepts. Raises as `approve_request` does, and
    InvalidInputError where it is not less.
    """
    row = locked(request)
    capacity = require_capacity(row, by=by, step=Step.OFFER)
    asked = row.terms()
    names = None if columns is None else sorted(set(columns))
    terms = Terms(
        row_filter=_both(asked.row_filter, row_filter),
        columns=_fewer(row, asked, names),
        duration=asked.duration if duration is None else duration,
    )
    if not timedelta(0) < terms.duration <= asked.duration:
        raise InvalidInputError("`duration` must be above 0 and at most what was asked for")
    if terms == asked:
        raise InvalidInputError(
            "an offer must be less than what was asked: fewer columns, fewer rows or a shorter time"
        )
    check_rectangle(
        row.dataset, action=Action.READ, row_filter=terms.row_filter, columns=terms.columns
    )
    offer = row.offers.create(
        stage=capacity.stage,
        by_id=by.id,
        in_name_of_id=capacity.in_name_of,
        columns=terms.columns,
        row_filter=terms.row_filter,
        duration=terms.duration,
        comment=comment.strip(),
    )
    row.move(Step.OFFER)
    row.save(update_fields=["state"])
    record(row, by=by, step=Step.OFFER, comment=comment)
    post_notice(row, NoticeKind.OFFERED, number=offer.pk)
    return row


@transaction.atomic
def answer_offer(request: AccessRequest, *, by: Principal, accept: bool) -> AccessRequest:
    """Take what was offered, or insist on what was asked: then those in charge decide about that.

    An accepted offer counts as agreement if whoever made it may still act. Raises NotFoundError for another person's
    request, ConflictError where no offer is open.
    """
    row = locked(request)
    if row.requester_id != by.id:
        raise NotFoundError("there is no such request")
    row.move(Step.ACCEPT if accept else Step.DECLINE)
    offer = row.offers.get(answered_at=None)
    offer.answered_at, offer.accepted = utc_now(), accept
    offer.save(update_fields=["answered_at", "accepted"])
    row.save(update_fields=["state"])
    record(row, by=by, step=Step.ACCEPT if accept else Step.DECLINE)
    if accept and _still_may(row, offer):
        approver = principal_of(offer.by)
        capacity = Capacity(offer.stage, offer.in_name_of_id)
        cast_vote(row, by=approver, capacity=capacity, agrees=True, comment=offer.comment)
        advance(row, by=approver, agreed=offer.comment)
    else:
        call_stages(row)
    return row


def _still_may(row: AccessRequest, offer: RequestOffer) -> bool:
    capacity = Capacity(offer.stage, offer.in_name_of_id)
    return capacity in Panel.of_requests([row]).capacities_of(principal_of(offer.by), row)


def _fewer(row: AccessRequest, asked: Terms, columns: list[str] | None) -> list[str] | None:
    if columns is None:
        return asked.columns
    present = {
        name
        for name in row.dataset.fields.present().values_list("name", flat=True)
        if "." not in name
    }
    wanted = present if asked.columns is None else set(asked.columns)
    more = sorted(set(columns) - wanted)
    if more or not columns:
        what = f"`{more[0]}` was not asked for" if more else "at least one is needed"
        raise InvalidInputError(f"`columns` must be some of those that were asked for: {what}")
    return asked.columns if set(columns) == wanted else columns


def _both(asked: str | None, narrower: str | None) -> str | None:
    """The rows of both conditions: an offer cannot open a row that was not asked for."""
    if not narrower:
        return asked
    parse_row_filter(narrower)
    return narrower if asked is None else f"({asked}) AND ({narrower})"
