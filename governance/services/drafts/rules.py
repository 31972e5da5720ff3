"""Changes of policies, members and grants."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group

from catalog.models import Dataset, Domain
from core.clock import utc_now
from core.errors import InvalidInputError, NotFoundError
from governance import models
from governance.facts import ACTION_BY_VERB, as_grant, as_policy
from governance.models import PolicyStatus
from governance.policy.documents import parse_policy
from governance.policy.readers import read_instant
from governance.policy.types import Action, Grant, Policy, Subject, Target
from governance.queries import get_grant
from governance.services.drafts.steps import (
    Step,
    named_dataset,
    named_domain,
    named_group,
    named_user,
)
from governance.services.grants import (
    check_rectangle,
    grant_access,
    require_approver,
    require_grantor,
    require_revoker,
    revoke_grant,
)
from governance.services.policies import (
    check_policy,
    may_write_policy,
    publish_policy,
    require_author,
    retire_policy,
    save_policy_draft,
)
from governance.simulation.draft import Draft
from governance.vocabulary import require_administrator
from identity.models import User
from identity.services.accounts import set_groups


class PutPolicy(Step):
    """The next version of a policy, or a new one."""

    policy: Policy

    def find(self) -> None:
        parsed = parse_policy(self.said)
        require_author(self.by, parsed)
        row = models.Policy.objects.filter(name=parsed.name).first()
        number = 1
        if row is not None:
            newest = row.versions.order_by("-number").first()
            for version in row.versions.exclude(status=PolicyStatus.RETIRED):
                require_author(self.by, as_policy(version))
            if newest is not None:
                number = newest.number + (newest.status != PolicyStatus.DRAFT)
        self.policy = parse_policy(self.said, policy_id=row and row.pk, version=number)

    def lay(self, draft: Draft) -> None:
        draft.policies[self.policy.name] = self.policy

    def make(self) -> None:
        publish_policy(save_policy_draft(self.said, by=self.by), by=self.by)

    def problems(self) -> list[str]:
        return check_policy(self.policy)


class WithdrawPolicy(Step):
    """A policy out of force."""

    def find(self) -> None:
        rows = models.PolicyVersion.objects.filter(policy__name=self.said)
        row = rows.filter(status=PolicyStatus.PUBLISHED).select_related("policy").first()
        if row is None or not (self.by.is_superuser or may_write_policy(self.by, as_policy(row))):
            raise NotFoundError(f"no policy `{self.said}` is in force")
        self.row = row

    def lay(self, draft: Draft) -> None:
        draft.policies[self.said] = None

    def make(self) -> None:
        retire_policy(self.row, by=self.by)


class AddMembers(Step):
    """Users into a group: for administrators, as the accounts themselves."""

    joins = True

    def find(self) -> None:
        require_administrator(self.by)
        self.group = named_group(self.said["group"])
        self.users = [named_user(name) for name in dict.fromkeys(self.said["users"])]

    def lay(self, draft: Draft) -> None:
        draft.group_names[self.group.pk] = self.group.name
        for user in self.users:
            draft.members.setdefault(user.pk, {})[self.group.pk] = self.joins

    def make(self) -> None:
        for user in self.users:
            names = set(user.groups.values_list("name", flat=True))
            wanted = names | {self.group.name} if self.joins else names - {self.group.name}
            if wanted != names:
                set_groups(actor=self.by.username, user=user, groups=wanted)


class RemoveMembers(AddMembers):
    """Users out of a group."""

    joins = False


class GiveGrant(Step):
    """A rectangle of rights to a user or a group, on a dataset or a domain."""

    subject: User | Group
    target: Dataset | Domain

    def find(self) -> None:
        said = self.said
        self.action = Action(said["action"])
        if "dataset" in said:
            self.target = named_dataset(said["dataset"], by=self.by, action=Action.APPROVE)
        else:
            self.target = named_domain(said["domain"], by=self.by)
        # before anybody is named: who may not grant here learns nothing of who there is
        require_approver(self.by, self.target)
        if "user" in said:
            self.subject = named_user(said["user"])
        else:
            self.subject = named_group(said["group"])
        require_grantor(self.by, self.subject, self.target)
        self.expires_at: datetime | None = read_instant(said.get("expires_at"), "/expires_at")
        if self.expires_at is not None and self.expires_at <= utc_now():
            raise InvalidInputError("`expires_at` must be in the future")
        check_rectangle(
            self.target,
            action=self.action,
            row_filter=said.get("row_filter"),
            columns=said.get("columns"),
        )

    def lay(self, draft: Draft) -> None:
        said = self.said
        draft.given.append(
            Grant(
                id=f"draft-{len(draft.given)}",
                subject=Subject("user" if "user" in said else "group", self.subject.pk),
                target=Target("dataset" if "dataset" in said else "domain", self.target.pk),
                action=self.action,
                row_filter=said.get("row_filter"),
                columns=frozenset(said["columns"]) if "columns" in said else None,
                purpose=said.get("purpose") or None,
                expires_at=self.expires_at,
            )
        )

    def make(self) -> None:
        grant_access(
            by=self.by,
            subject=self.subject,
            target=self.target,
            action=self.action,
            row_filter=self.said.get("row_filter"),
            columns=self.said.get("columns"),
            purpose=self.said.get("purpose", ""),
            expires_at=self.expires_at,
        )


class RevokeGrant(Step):
    """A grant in force, taken back."""

    row: Any

    def find(self) -> None:
        self.row = get_grant(self.by, self.said)
        require_revoker(self.by, self.row)

    def lay(self, draft: Draft) -> None:
        action = ACTION_BY_VERB[self.row.permission.codename.rpartition("_")[0]]
        grant = as_grant(self.row, action=action)
        draft.revoked[grant.id] = grant

    def make(self) -> None:
        revoke_grant(self.row, by=self.by, reason="a published draft")
