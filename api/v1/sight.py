"""What the caller of a catalog endpoint may see: facts loaded once a request, used in each of its queries."""

from functools import cached_property
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request

from api.principal import caller
from catalog.models import Dataset, Domain, Job, Run
from governance.policy.types import Action, Decision
from governance.queries import (
    get_visible_dataset,
    load_facts,
    require,
    require_domain,
    visible_datasets,
    visible_domains,
)
from governance.runs import visible_jobs, visible_runs


class Sight:
    """The caller's view of the catalog."""

    def __init__(self, request: Request) -> None:
        self.principal = caller(request)
        self.facts = load_facts(self.principal)

    @cached_property
    def visible(self) -> QuerySet[Dataset]:
        """Datasets that the caller may discover."""
        return visible_datasets(self.principal, facts=self.facts)

    @cached_property
    def described(self) -> QuerySet[Dataset]:
        """Datasets whose metadata the caller may view."""
        return visible_datasets(self.principal, action=Action.VIEW_METADATA, facts=self.facts)

    @cached_property
    def jobs(self) -> QuerySet[Job]:
        """Jobs that the caller may know of."""
        return visible_jobs(self.principal, visible=self.visible)

    @cached_property
    def runs(self) -> QuerySet[Run]:
        """Runs that the caller may know of."""
        return visible_runs(self.principal, visible=self.visible)

    @cached_property
    def domains(self) -> QuerySet[Domain]:
        """Domains that the caller may know of."""
        return visible_domains(self.principal, facts=self.facts)

    def dataset(self, uuid: UUID | str, *, action: Action = Action.DISCOVER) -> Dataset:
        """The dataset; NotFoundError if the caller may not discover it, PermissionDeniedError if not do `action`."""
        found = get_visible_dataset(self.principal, uuid, facts=self.facts)
        if action is not Action.DISCOVER:
            self.require(action, found)
        return found

    def require(self, action: Action, dataset: Dataset) -> Decision:
        """The decision where it allows; raises PermissionDeniedError or NotFoundError otherwise."""
        return require(self.principal, action, dataset, facts=self.facts)

    def require_domain(self, domain: Domain) -> None:
        """Raise unless the caller administers the domain."""
        require_domain(self.principal, domain, facts=self.facts)

    def described_keys(self, keys: list[int]) -> frozenset[int]:
        """Which of these datasets the caller may view the metadata of; one query."""
        return frozenset(self.described.filter(pk__in=keys).values_list("pk", flat=True))
