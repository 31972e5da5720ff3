"""django-guardian's calls about datasets and domains, answered by the kernel.

guardian stores the grants, and its own functions read them as they lie there: they know no expiry, no rectangle, no
domain above, no role and no policy. It has no seam for another answer, so `install` puts ours in the place of the
reading calls, under the same names and signatures (docs/decisions/0012). A plain yes to `read_dataset` is that of the
kernel: some cell may be read; which ones is told by the obligations of the decision. What a permission of a domain says
is what would hold for a dataset in it of which nothing else is known. Other models are guardian's as before.
Giving and taking permissions goes through `governance.models.grant.GrantManager`.
"""

# ruff: noqa: FBT001, FBT002, PLR0917 - the signatures are guardian's

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce, wraps
from operator import and_, or_
from typing import Any

import guardian.backends
import guardian.core
import guardian.shortcuts
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet
from guardian.core import ObjectPermissionChecker

from catalog.models import Dataset, DatasetOwner, Domain, DomainSteward
from core.clock import utc_now
from governance.facts import (
    ACTION_BY_VERB,
    domain_path,
    load_facts,
    load_grants_on,
    load_resource,
    principal_of,
)
from governance.policy import decide
from governance.policy.types import Action, Allow, Facts, Principal, Resource
from governance.queries import visible_datasets
from identity.models import User

ACTIONS: Mapping[type[Model], Mapping[str, Action]] = {
    model: {f"{verb}_{model.__name__.lower()}": each for verb, each in ACTION_BY_VERB.items()}
    for model in (Dataset, Domain)
}


def permitted(
    principal: Principal, target: Dataset | Domain, *, facts: Facts | None = None
) -> frozenset[str]:
    """The codenames of guardian's permissions that the principal has on a dataset or a domain."""
    if isinstance(target, Dataset) and target.deleted_at is not None:
        return frozenset()
    facts = facts or load_facts(principal)
    resource = _resource(target, facts)
    return frozenset(
        codename
        for codename, action in ACTIONS[type(target)].items()
        if decide(principal, action, resource, facts).allowed
    )


class KernelChecker(ObjectPermissionChecker):
    """Behind `has_perm`, `get_perms`, `get_user_perms` and `get_group_perms`. Nothing is kept from call to call."""

    def has_perm(self, perm: str, obj: Model) -> bool:
        if not isinstance(obj, Dataset | Domain):
            return bool(super().has_perm(perm, obj))
        return _codename(perm) in permitted(self._principal(), obj)

    def get_perms(self, obj: Model) -> list[str]:
        if not isinstance(obj, Dataset | Domain):
            return list(super().get_perms(obj))
        return sorted(permitted(self._principal(), obj))

    def get_user_perms(self, obj: Model) -> QuerySet[Any]:
        if not isinstance(obj, Dataset | Domain):
            return super().get_user_perms(obj)
        return _codenames(obj, permitted(_without_groups(self._principal()), obj))

    def get_group_perms(self, obj: Model) -> QuerySet[Any]:
        if not isinstance(obj, Dataset | Domain):
            return super().get_group_perms(obj)
        return _codenames(obj, permitted(_groups_alone(self._principal()), obj))

    def _principal(self) -> Principal:
        # guardian's: exactly one of the two is set
        holder: Any = self.user or self.group
        return _as_member(holder) if isinstance(holder, Group) else principal_of(holder)


@wraps(guardian.shortcuts.get_objects_for_user)
def get_objects_for_user(
    user: Any,
    perms: str | list[str],
    klass: Any = None,
    use_groups: bool = True,
    any_perm: bool = False,
    with_superuser: bool = True,
    accept_global_perms: bool = True,
) -> QuerySet[Any]:
    rows = _rows(perms, klass)
    if rows is None:
        return get_objects_for_user.__wrapped__(
            user, perms, klass, use_groups, any_perm, with_superuser, accept_global_perms
        )
    if user.is_anonymous:
        return rows.none()
    principal = principal_of(user)
    if not use_groups:
        principal = _without_groups(principal)
    if not with_superuser:
        principal = replace(principal, is_superuser=False)
    return rows.filter(_permitting(principal, rows.model, perms, any_perm=any_perm))


@wraps(guardian.shortcuts.get_objects_for_group)
def get_objects_for_group(
    group: Group,
    perms: str | list[str],
    klass: Any = None,
    any_perm: bool = False,
    accept_global_perms: bool = True,
) -> QuerySet[Any]:
    rows = _rows(perms, klass)
    if rows is None:
        return get_objects_for_group.__wrapped__(group, perms, klass, any_perm, accept_global_perms)
    return rows.filter(_permitting(_as_member(group), rows.model, perms, any_perm=any_perm))


@wraps(guardian.shortcuts.get_users_with_perms)
def get_users_with_perms(
    obj: Any,
    attach_perms: bool = False,
    with_superusers: bool = False,
    with_group_users: bool = True,
    only_with_perms_in: list[str] | None = None,
) -> Any:
    if not isinstance(obj, Dataset | Domain):
        return get_users_with_perms.__wrapped__(
            obj, attach_perms, with_superusers, with_group_users, only_with_perms_in
        )
    facts = _facts_about(obj)
    found: dict[User, list[str]] = {}
    for user in _who_may_have_perms(obj, facts, with_superusers=with_superusers):
        principal = principal_of(user)
        if not with_superusers:
            principal = replace(principal, is_superuser=False)
        if not with_group_users:
            principal = _without_groups(principal)
        _keep(found, user, permitted(principal, obj, facts=facts), only_with_perms_in)
    if attach_perms:
        return found
    return User.objects.filter(pk__in=[each.pk for each in found])


@wraps(guardian.shortcuts.get_groups_with_perms)
def get_groups_with_perms(
    obj: Any, attach_perms: bool = False, only_with_perms_in: list[str] | None = None
) -> Any:
    if not isinstance(obj, Dataset | Domain):
        return get_groups_with_perms.__wrapped__(obj, attach_perms, only_with_perms_in)
    facts = _facts_about(obj)
    found: dict[Group, list[str]] = {}
    for group in Group.objects.all():
        rights = permitted(_as_member(group), obj, facts=facts)
        _keep(found, group, rights, only_with_perms_in)
    if attach_perms:
        return found
    return Group.objects.filter(pk__in=[each.pk for each in found])


def install() -> None:
    """Have guardian answer by the kernel; called once, when the app is ready."""
    for module in (guardian.core, guardian.backends, guardian.shortcuts):
        setattr(module, ObjectPermissionChecker.__name__, KernelChecker)
    for call in (
        get_objects_for_user,
        get_objects_for_group,
        get_users_with_perms,
        get_groups_with_perms,
    ):
        setattr(guardian.shortcuts, call.__name__, call)


def _resource(target: Dataset | Domain, facts: Facts) -> Resource:
    if isinstance(target, Dataset):
        return load_resource(target, domains=facts.domains)
    return Resource(None, "", "", "", domain_path(target.pk, facts.domains))


def _codename(perm: str) -> str:
    return perm.rpartition(".")[2]


def _codenames(target: Dataset | Domain, rights: Iterable[str]) -> QuerySet[Any]:
    kind = ContentType.objects.get_for_model(target)
    rows = Permission.objects.filter(content_type=kind, codename__in=rights)
    return rows.values_list("codename", flat=True)


def _without_groups(principal: Principal) -> Principal:
    return replace(principal, groups=frozenset(), group_names=frozenset())


def _groups_alone(principal: Principal) -> Principal:
    return replace(principal, id=None, username="", is_superuser=False)


def _as_member(group: Group) -> Principal:
    """A nameless member of the group and of no other."""
    return Principal(None, "", groups=frozenset({group.pk}), group_names=frozenset({group.name}))


def _rows(perms: str | list[str], klass: Any) -> QuerySet[Any] | None:
    """The datasets or domains that are asked about; None where guardian is asked about something else."""
    if klass is None:
        first = perms if isinstance(perms, str) else perms[0]
        model = next((each for each, known in ACTIONS.items() if _codename(first) in known), None)
        return None if model is None else model._default_manager.all()  # noqa: SLF001  # Django's documented name
    model = klass if isinstance(klass, type) else klass.model
    if model not in ACTIONS:
        return None
    rows: QuerySet[Any] = model._default_manager.all() if isinstance(klass, type) else klass.all()  # noqa: SLF001
    return rows


def _permitting(
    principal: Principal, model: type[Model], perms: str | list[str], *, any_perm: bool
) -> Q:
    """The condition that the principal has all of the permissions, or any."""
    names = [perms] if isinstance(perms, str) else perms
    facts = load_facts(principal)
    conditions = []
    for name in names:
        action = ACTIONS[model].get(_codename(name))
        if action is None:
            conditions.append(Q(pk__in=[]))
        elif model is Dataset:
            shown = visible_datasets(principal, action=action, facts=facts).order_by()
            conditions.append(Q(pk__in=shown.values("pk")))
        else:
            conditions.append(Q(pk__in=_domains_permitting(principal, action, facts)))
    return reduce(or_ if any_perm else and_, conditions)


def _domains_permitting(principal: Principal, action: Action, facts: Facts) -> list[Any]:
    bare = (Resource(None, "", "", "", domain_path(each, facts.domains)) for each in facts.domains)
    return [each.domain_path[-1] for each in bare if decide(principal, action, each, facts).allowed]


def _facts_about(target: Dataset | Domain) -> Facts:
    """The facts with every grant, to whomever, that reaches the target."""
    from governance.effective import shared_facts

    shared, now = shared_facts(), utc_now()
    targets = _resource(target, shared).targets
    return shared.with_grants(tuple(load_grants_on(targets, now=now)), now=now)


def _who_may_have_perms(
    target: Dataset | Domain, facts: Facts, *, with_superusers: bool
) -> QuerySet[User]:
    """Users worth asking about: whom a grant, a role or a policy could reach."""
    users = User.objects.filter(is_active=True)
    if any(isinstance(each.effect, Allow) for each in facts.policies):
        return users
    path = domain_path(
        target.domain_id if isinstance(target, Dataset) else target.pk, facts.domains
    )
    holders: list[QuerySet[Any]] = [DomainSteward.objects.filter(domain__in=path)]
    if isinstance(target, Dataset):
        holders.append(DatasetOwner.objects.filter(dataset=target))
    people = {each.subject.id for each in facts.grants if each.subject.kind == "user"}
    groups = {each.subject.id for each in facts.grants if each.subject.kind == "group"}
    condition = Q(pk__in=people) | Q(groups__in=groups)
    for rows in holders:
        condition |= Q(pk__in=rows.values("user")) | Q(groups__in=rows.values("group"))
    if with_superusers:
        condition |= Q(is_superuser=True)
    return users.filter(condition).distinct()


def _keep(
    found: dict[Any, list[str]], holder: Any, rights: frozenset[str], wanted: list[str] | None
) -> None:
    if rights and (wanted is None or not rights.isdisjoint(wanted)):
        found[holder] = sorted(rights)
