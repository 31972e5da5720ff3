"""The kernel's answers for imports and exports: set by set, and anew for each chunk, so that a revoked right is gone."""

from collections.abc import Collection
from functools import cached_property

from catalog.queries.export import ExportSight
from governance.facts import load_facts
from governance.jobs import manageable_jobs
from governance.policy.types import Action, Facts, Principal
from governance.queries import may_administer_domain, visible_datasets, visible_domains
from governance.runs import visible_jobs
from governance.services.grants import owners_among
from governance.vocabulary import is_administrator, visible_products, visible_terms


class ImportRights:
    """Implements `catalog.services.bulk.rights.Rights`."""

    def __init__(self, principal: Principal, *, facts: Facts | None = None) -> None:
        self._principal = principal
        self._given = facts

    @cached_property
    def _facts(self) -> Facts:
        return self._given or load_facts(self._principal)

    @property
    def is_administrator(self) -> bool:
        return is_administrator(self._principal)

    def manageable(self, ids: Collection[int]) -> Collection[int]:
        return self._allowed(Action.MANAGE, ids)

    def described(self, ids: Collection[int]) -> Collection[int]:
        return self._allowed(Action.VIEW_METADATA, ids)

    def is_own(self, *, kind: str, name: str) -> bool:
        principal = self._principal
        return name in principal.group_names if kind == "group" else name == principal.username

    def owned(self, ids: Collection[int]) -> Collection[int]:
        rows = owners_among(self._principal).filter(dataset__in=list(ids))
        return frozenset(rows.values_list("dataset_id", flat=True))

    def manageable_jobs(self, ids: Collection[int]) -> Collection[int]:
        return manageable_jobs(self._principal, ids, facts=self._facts)

    def _allowed(self, action: Action, ids: Collection[int]) -> Collection[int]:
        if not ids:
            return ids
        rows = visible_datasets(self._principal, action=action, facts=self._facts)
        return frozenset(rows.filter(pk__in=list(ids)).values_list("pk", flat=True))

    def administers(self, domain_id: int) -> bool:
        return may_administer_domain(self._principal, domain_id, facts=self._facts)

    def administers_any(self) -> bool:
        domains = self._facts.domains.values()
        return self.is_administrator or any(
            may_administer_domain(self._principal, each.id, facts=self._facts) for each in domains
        )

    def knows_domain(self, domain_id: int) -> bool:
        # Who administers everything knows what this chunk itself has made, too.
        return self.is_administrator or domain_id in self._known_domains

    @cached_property
    def _known_domains(self) -> frozenset[int]:
        rows = visible_domains(self._principal, facts=self._facts)
        return frozenset(rows.values_list("pk", flat=True))


def export_sight(principal: Principal) -> ExportSight:
    """What the principal may see now, for one batch of an export."""
    facts = load_facts(principal)
    visible = visible_datasets(principal, facts=facts)
    return ExportSight(
        visible=visible,
        jobs=visible_jobs(principal, visible=visible),
        described=visible_datasets(principal, action=Action.VIEW_METADATA, facts=facts),
        domains=visible_domains(principal, facts=facts),
        terms=visible_terms(principal, facts=facts),
        products=visible_products(principal, facts=facts),
    )
