"""The life of an access request: asked, decided by another, enforced at once, over by itself."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from core.clock import utc_now
from core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
)
from governance.models import AccessRequest, AuditRecord, DatasetUserGrant, RequestState
from governance.policy.types import Action
from governance.queries import (
    decide_as_if_granted,
    decide_read,
    principal_of,
    requests_to_decide,
    visible_datasets,
    visible_requests,
)
from governance.services import (
    approve_request,
    deny_request,
    expire_grants,
    grant_access,
    request_access,
    revoke_grant,
    withdraw_request,
)
from governance.tasks import expire_grants_task, seal_audit_task
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.identity import make_group, make_user

FIELDS = [("region", "string"), ("mail", "string", ["pii.email"]), ("age", "int")]
DAY = timedelta(days=1)


class World:
    """A steward of a domain, two analysts of one team who may discover it, an outsider."""

    def __init__(self):
        self.stewards = make_group()
        self.analysts = make_group()
        self.steward = principal_of(make_user(groups=[self.stewards]))
        self.second_steward = principal_of(make_user(groups=[self.stewards]))
        self.analyst_user = make_user(groups=[self.analysts])
        self.analyst = principal_of(self.analyst_user)
        self.team_mate = principal_of(make_user(groups=[self.analysts]))
        self.outsider = principal_of(make_user())
        self.domain = make_domain(stewards=[self.stewards])
        self.dataset = make_dataset(fields=FIELDS, domain=make_domain(parent=self.domain))
        grant_access(
            by=self.steward,
            subject=self.analysts,
            target=self.domain,
            action=Action.VIEW_METADATA,
        )

    def ask(self, **more):
        wanted = {"by": self.analyst, "purpose": "delays by region", "duration": DAY} | more
        return request_access(self.dataset, **wanted)


@pytest.fixture
def world(db):
    return World()


def test_from_asking_to_the_end_of_the_grant(world):
    assert not decide_read(world.analyst, world.dataset).allowed
    request = world.ask(row_filter="region = 'EWR'", columns=["region", "mail"])
    assert list(requests_to_decide(world.steward)) == [request]

    approved = approve_request(request, by=world.steward, comment="fine")
    decision = decide_read(world.analyst, world.dataset)
    assert (
        approved.state,
        decision.obligations.row_filter,
        [rule.name for rule in decision.obligations.columns],
        list(visible_datasets(world.analyst, action=Action.READ)),
    ) == (RequestState.APPROVED, "(\"region\" = 'EWR')", ["region", "mail"], [world.dataset])
    assert not decide_read(world.team_mate, world.dataset).allowed

    DatasetUserGrant.objects.update(expires_at=utc_now())
    assert not decide_read(world.analyst, world.dataset).allowed
    assert expire_grants() == 1
    approved.refresh_from_db()
    assert (approved.state, DatasetUserGrant.objects.count()) == (RequestState.EXPIRED, 0)
    assert list(
        AuditRecord.objects.order_by("pk").values_list("action", flat=True).exclude(actor="x")
    )[1:] == ["request.create", "request.approve", "grant.create", "grant.expire"]


def test_an_expired_grant_refuses_before_anybody_cleans_up(world):
    grant = grant_access(
        by=world.steward,
        subject=world.analyst_user,
        target=world.dataset,
        action=Action.READ,
        expires_at=utc_now() + DAY,
    )
    assert decide_read(world.analyst, world.dataset).allowed
    DatasetUserGrant.objects.filter(pk=grant.pk).update(expires_at=utc_now())
    assert not decide_read(world.analyst, world.dataset).allowed


def test_an_approver_sees_what_would_open(world):
    request = world.ask(columns=["mail"])
    supposed = decide_as_if_granted(
        world.analyst, world.dataset, row_filter=request.row_filter, columns=request.columns
    )
    assert [rule.name for rule in supposed.obligations.columns] == ["mail"]
    assert not decide_read(world.analyst, world.dataset).allowed


def test_the_task_clears_away(world):
    approve_request(world.ask(), by=world.steward)
    assert expire_grants_task() == 0
    DatasetUserGrant.objects.update(expires_at=utc_now())
    assert (expire_grants_task(), seal_audit_task() > 0) == (1, True)


def test_who_may_decide(world):
    request = world.ask()
    with pytest.raises(PermissionDeniedError, match="nobody decides their own request"):
        approve_request(request, by=world.analyst)
    with pytest.raises(PermissionDeniedError, match="you may not `approve` this dataset"):
        approve_request(request, by=world.team_mate)
    with pytest.raises(NotFoundError, match="there is no such dataset"):
        approve_request(request, by=world.outsider)
    with pytest.raises(NotFoundError):
        withdraw_request(request, by=world.team_mate)
    request.refresh_from_db()
    assert request.state == RequestState.PENDING


def test_a_steward_does_not_decide_their_own(world):
    request = request_access(world.dataset, by=world.steward, purpose="mine", duration=DAY)
    with pytest.raises(PermissionDeniedError, match="nobody decides their own request"):
        approve_request(request, by=world.steward)
    assert list(requests_to_decide(world.steward)) == []
    approve_request(request, by=world.second_steward)
    assert decide_read(world.steward, world.dataset).allowed


def test_who_sees_a_request(world):
    request = world.ask()
    seen = {
        name: list(visible_requests(getattr(world, name)))
        for name in ("analyst", "team_mate", "steward", "outsider")
    }
    assert seen == {"analyst": [request], "team_mate": [], "steward": [request], "outsider": []}


def test_who_may_not_discover_may_not_ask(world):
    with pytest.raises(NotFoundError, match="there is no such dataset"):
        world.ask(by=world.outsider)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"purpose": "  "}, "`purpose` must have"),
        ({"duration": timedelta(0)}, "`duration` must be above 0"),
        ({"duration": timedelta(days=367)}, "`duration` must be above 0"),
        ({"columns": ["gone"]}, "`columns` names `gone`"),
        ({"columns": []}, "`columns` must name at least one"),
        ({"row_filter": "region = (SELECT 1)"}, "is not allowed in a row filter"),
        ({"row_filter": "age = 'old'"}, "row filter uses field `age`"),
    ],
)
def test_what_cannot_be_asked(world, wrong, message):
    with pytest.raises(InvalidInputError, match=message):
        world.ask(**wrong)
    assert AccessRequest.objects.count() == 0


def test_one_pending_request_at_a_time(world):
    world.ask()
    with pytest.raises(ConflictError):
        world.ask(purpose="again")


def test_a_decided_request_stays_decided(world):
    request = deny_request(world.ask(), by=world.steward, comment="no need")
    for step in (
        lambda: approve_request(request, by=world.steward),
        lambda: deny_request(request, by=world.second_steward, comment="no"),
        lambda: withdraw_request(request, by=world.analyst),
    ):
        with pytest.raises(ConflictError, match="the request is denied already"):
            step()
    assert not decide_read(world.analyst, world.dataset).allowed


def test_the_grant_lasts_what_was_asked(world):
    approved = approve_request(world.ask(), by=world.steward)
    grant = DatasetUserGrant.objects.get()
    assert (grant.expires_at, grant.expires_at - approved.decided_at <= DAY) == (
        approved.expires_at,
        True,
    )


def test_revoking_ends_access_at_once(world):
    request = approve_request(world.ask(), by=world.steward)
    grant = DatasetUserGrant.objects.get()
    with pytest.raises(PermissionDeniedError):
        revoke_grant(grant, by=world.team_mate)
    revoke_grant(grant, by=world.steward, reason="project ended")
    request.refresh_from_db()
    assert (decide_read(world.analyst, world.dataset).allowed, request.state) == (
        False,
        RequestState.REVOKED,
    )
    with pytest.raises(NotFoundError):
        revoke_grant(grant, by=world.steward)


def test_nobody_grants_to_themselves_or_their_group(world):
    owner_user = make_user(groups=[world.analysts])
    dataset = make_dataset(fields=FIELDS, owners=[owner_user])
    owner = principal_of(owner_user)
    for subject in (owner_user, world.analysts):
        with pytest.raises(PermissionDeniedError, match="nobody grants access to themselves"):
            grant_access(by=owner, subject=subject, target=dataset, action=Action.READ)


def test_a_token_without_admin_scope_does_not_approve(world):
    request = world.ask()
    from identity.models import User

    steward = User.objects.get(pk=world.steward.id)
    with pytest.raises(PermissionDeniedError):
        approve_request(request, by=principal_of(steward, scopes=["read"]))


@pytest.mark.django_db(transaction=True)
def test_of_two_approvers_at_once_one_wins():
    world = World()
    request = world.ask()
    start, outcomes = threading.Barrier(2), []

    def decide(by):
        start.wait()
        try:
            approve_request(request, by=by)
            outcomes.append("approved")
        except ConflictError as error:
            outcomes.append(error.message)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=decide, args=(by,)) for by in (world.steward, world.second_steward)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["approved", "the request is approved already"]
    assert DatasetUserGrant.objects.count() == 1
