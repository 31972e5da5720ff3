"""Changes of tags, of places in the tree of domains, and of where labels stop."""

from catalog.models import Dataset, Domain, Field, FieldEdge
from catalog.services.datasets import move_to_domain
from catalog.services.domains import move_domain
from catalog.services.tags import tag_dataset, tag_field, untag_dataset, untag_field
from core.errors import ConflictError, NotFoundError, PermissionDeniedError, UnprocessableError
from governance.models import Declassification
from governance.policy.labels import FieldEdge as Edge
from governance.policy.types import Action
from governance.queries import require_domain
from governance.services.drafts.steps import Step, named_dataset, named_domain, named_field
from governance.services.labels import (
    approve_declassification,
    require_declassifier,
    withdraw_declassification,
)
from governance.simulation.draft import Draft


class PutTag(Step):
    """A tag on a dataset, or on one of its fields and so on all that is derived from it."""

    puts = True

    def find(self) -> None:
        self.tag: str = self.said["tag"]
        self.field: Field | None = None
        if "field" in self.said:
            self.field = named_field(self.said, by=self.by, action=Action.MANAGE)
            self.dataset: Dataset = self.field.dataset
        else:
            self.dataset = named_dataset(self.said["dataset"], by=self.by, action=Action.MANAGE)

    def lay(self, draft: Draft) -> None:
        if self.field is not None:
            draft.field_tags.setdefault(self.field.pk, {})[self.tag] = self.puts
        else:
            draft.dataset_tags.setdefault(self.dataset.pk, {})[self.tag] = self.puts

    def make(self) -> None:
        actor = self.by.username
        if self.field is not None:
            change = tag_field if self.puts else untag_field
            change(self.field, tag=self.tag, actor=actor)
        else:
            change_dataset = tag_dataset if self.puts else untag_dataset
            change_dataset(self.dataset, tag=self.tag, actor=actor)


class TakeTag(PutTag):
    """A tag off again."""

    puts = False


class MoveDataset(Step):
    """A dataset into another domain: for who administers both."""

    def find(self) -> None:
        self.dataset = named_dataset(self.said["dataset"], by=self.by, action=Action.MANAGE)
        # the place that it leaves first: who may not take it from there learns nothing of other places
        if self.dataset.domain is not None:
            require_domain(self.by, self.dataset.domain)
        slug = self.said["domain"]
        self.domain: Domain | None = None if slug is None else named_domain(slug, by=self.by)

    def lay(self, draft: Draft) -> None:
        draft.placed[self.dataset.pk] = None if self.domain is None else self.domain.pk

    def make(self) -> None:
        move_to_domain(self.dataset, domain=self.domain, actor=self.by.username)


class MoveDomain(Step):
    """A domain with all below it under another one: for who administers both; to the top for superusers."""

    def find(self) -> None:
        self.domain = named_domain(self.said["domain"], by=self.by)
        slug = self.said["parent"]
        self.parent: Domain | None = None if slug is None else named_domain(slug, by=self.by)
        if self.parent is None and not self.by.is_superuser:
            raise PermissionDeniedError("only administrators put domains at the top")

    def lay(self, draft: Draft) -> None:
        key = None if self.parent is None else self.parent.pk
        node = key
        while node is not None:
            if node == self.domain.pk:
                raise UnprocessableError("a domain cannot lie below itself")
            above = Domain.objects.filter(pk=node).values_list("parent_id", flat=True).first()
            node = draft.parents.get(node, above)
        draft.parents[self.domain.pk] = key

    def make(self) -> None:
        move_domain(self.domain, parent=self.parent, actor=self.by.username)


class Declassify(Step):
    """A derivation along which no label flows any more."""

    def find(self) -> None:
        self.source = named_field(self.said["source"], by=self.by, action=Action.ADMINISTER)
        self.target = named_field(self.said["target"], by=self.by, action=Action.VIEW_METADATA)
        require_declassifier(self.by, self.source, self.target)
        if self._row() is not None:
            raise ConflictError("this derivation is declassified already")

    def _row(self) -> Declassification | None:
        rows = Declassification.objects.filter(source=self.source, target=self.target)
        return rows.select_related("source__dataset", "target__dataset").first()

    def lay(self, draft: Draft) -> None:
        draft.edges[Edge(self.source.pk, self.target.pk)] = True

    def make(self) -> None:
        approve_declassification(self.source, self.target, by=self.by, reason=self.said["reason"])


class Reclassify(Declassify):
    """A derivation along which labels flow again."""

    def find(self) -> None:
        self.source = named_field(self.said["source"], by=self.by, action=Action.ADMINISTER)
        self.target = named_field(self.said["target"], by=self.by, action=Action.VIEW_METADATA)
        found = self._row()
        if found is None:
            raise NotFoundError("this derivation is not declassified")
        self.row = found

    def lay(self, draft: Draft) -> None:
        edges = FieldEdge.objects.filter(source=self.source, target=self.target, valid_to=None)
        if edges.exclude(type="INDIRECT").exists():
            draft.edges[Edge(self.source.pk, self.target.pk)] = False

    def make(self) -> None:
        withdraw_declassification(self.row, by=self.by)
