"""Who is looking, and may they: the thin bridge from a request to `governance.queries`."""

from dataclasses import dataclass, field
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.models import Dataset, Domain, GlossaryTerm, Run
from governance import queries, runs, vocabulary
from governance.policy.types import Action, Decision, Facts, Principal
from identity.models import User


@dataclass(frozen=True)
class Viewer:
    """The principal of one request with the facts that bear on them, read once; `known` remembers answers."""

    principal: Principal
    facts: Facts
    known: dict[tuple[Action, int], bool] = field(default_factory=dict)


def current_user(request: HttpRequest) -> User:
    """The signed-in user; PermissionDenied for nobody."""
    if not request.user.is_authenticated:
        raise PermissionDenied
    return request.user


def viewer_of(request: HttpRequest) -> Viewer:
    """The viewer of this request. INVARIANT: kept no longer than the request, so a revoked grant is gone."""
    viewer: Viewer | None = getattr(request, "_lakewarden_viewer", None)
    if viewer is None:
        principal = queries.principal_of(current_user(request))
        viewer = Viewer(principal, queries.load_facts(principal))
        request._lakewarden_viewer = viewer  # type: ignore[attr-defined]  # noqa: SLF001
    return viewer


def principal_of_viewer(request: HttpRequest) -> Principal:
    """The viewer as the kernel knows them, without the facts; one query."""
    viewer: Viewer | None = getattr(request, "_lakewarden_viewer", None)
    return queries.principal_of(current_user(request)) if viewer is None else viewer.principal


def visible_datasets(request: HttpRequest, action: Action = Action.DISCOVER) -> QuerySet[Dataset]:
    """The datasets to which the viewer may do `action`."""
    viewer = viewer_of(request)
    return queries.visible_datasets(viewer.principal, action=action, facts=viewer.facts)


def visible_runs(request: HttpRequest) -> QuerySet[Run]:
    """The runs that the viewer may know of."""
    visible = visible_datasets(request)
    return runs.visible_runs(viewer_of(request).principal, visible=visible)


def visible_terms(request: HttpRequest) -> QuerySet[GlossaryTerm]:
    """The glossary terms that the viewer may know of."""
    viewer = viewer_of(request)
    return vocabulary.visible_terms(viewer.principal, facts=viewer.facts)


def administered_domains(request: HttpRequest) -> QuerySet[Domain]:
    """The domains that the viewer stewards, with all below them; all domains for a superuser."""
    viewer = viewer_of(request)
    mine = queries.administered_domains(viewer.principal, facts=viewer.facts)
    return Domain.objects.filter(pk__in=mine)


def find_dataset(
    request: HttpRequest, uuid: UUID, action: Action = Action.VIEW_METADATA
) -> Dataset:
    """The dataset, or NotFoundError in the same words where it is not and where it may not be known."""
    viewer = viewer_of(request)
    return queries.get_visible_dataset(viewer.principal, uuid, action=action, facts=viewer.facts)


def decide(request: HttpRequest, action: Action, dataset: Dataset) -> Decision:
    """The kernel's decision for the viewer, with its reasons and, for a read, its obligations."""
    viewer = viewer_of(request)
    return queries.decide_on(viewer.principal, action, dataset, facts=viewer.facts)


def may(request: HttpRequest, action: Action, dataset: Dataset) -> bool:
    """Whether the kernel allows the viewer `action` on `dataset`; asked once a request."""
    known = viewer_of(request).known
    key = (action, dataset.pk)
    if key not in known:
        known[key] = visible_datasets(request, action).filter(pk=dataset.pk).exists()
    return known[key]
