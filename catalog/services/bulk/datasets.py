"""Dataset lines: told apart into new and known entries, checked, and written set by set."""

from collections.abc import Iterable, Sequence

from msgspec import UNSET

from catalog.models import Dataset, Domain
from catalog.models.properties import PropertyTarget
from catalog.services.bulk.context import (
    ChunkContext,
    Key,
    References,
    find_datasets,
    load_domains,
    load_references,
    lock_datasets,
)
from catalog.services.bulk.known import update_known
from catalog.services.bulk.lines import DatasetLine, FieldLine, OwnerLine, TermRef
from catalog.services.bulk.new import insert_new
from catalog.services.bulk.rights import NOT_FOR_ONESELF
from catalog.services.bulk.shapes import CheckedLine, Numbered, check_line
from catalog.services.properties import load_checks
from catalog.services.search import refresh_search_text
from core.errors import LakewardenError, PermissionDeniedError, UnprocessableError

NOT_YOURS = "you may not manage a dataset of this name"


def import_datasets(lines: Sequence[Numbered], *, context: ChunkContext) -> None:
    """Write dataset lines, each name of which stands once among them."""
    names = find_datasets((line.namespace, line.name) for _, line in lines)
    known = lock_datasets(set(names.values()))
    domains = load_domains(line.domain for _, line in lines if isinstance(line.domain, str))
    allowed = _allowed(lines, names=names, known=known, domains=domains, context=context)
    references = _references([line for _, line in allowed], domains=domains, context=context)
    checked = [*_checked(allowed, references=references, known=known, names=names, context=context)]
    made = insert_new([each for each in checked if each.row is None], context=context)
    changed = update_known([each for each in checked if each.row is not None], context=context)
    refresh_search_text([*made, *changed])


def _allowed(
    lines: Sequence[Numbered],
    *,
    names: dict[Key, int],
    known: dict[int, Dataset],
    domains: dict[str, Domain],
    context: ChunkContext,
) -> list[Numbered]:
    """The lines that the importer may carry out; the others are refused, in the same words whatever is hidden."""
    manageable = context.rights.manageable([pk for pk, row in known.items() if not row.deleted_at])
    claimed = {id(line) for _, line in lines if _is_claimed(line, context=context)}
    owned = context.rights.owned(list(known)) if claimed else ()
    found = []
    for number, line in lines:
        row = known.get(names.get((line.namespace, line.name), 0))
        if row is not None and row.deleted_at is None and row.pk not in manageable:
            context.refuse(number, PermissionDeniedError(NOT_YOURS))
            continue
        if row is not None and id(line) in claimed and row.pk not in owned:
            context.refuse(number, PermissionDeniedError(NOT_FOR_ONESELF, pointer="/owners"))
            continue
        try:
            _check_domain(line, row=row, domains=domains, context=context)
        except LakewardenError as error:
            context.refuse(number, error)
            continue
        found.append((number, line))
    return found


def _is_claimed(line: DatasetLine, *, context: ChunkContext) -> bool:
    """Whether the line makes the importer, or a group of theirs, an owner."""
    return any(context.rights.is_own(kind=each.kind, name=each.name) for each in line.owners or ())


def _check_domain(
    line: DatasetLine, *, row: Dataset | None, domains: dict[str, Domain], context: ChunkContext
) -> None:
    """Making an entry takes who administers its domain; moving one, who administers the old and the new domain."""
    rights = context.rights
    target = None
    if isinstance(line.domain, str):
        target = domains.get(line.domain)
        if target is None or not rights.knows_domain(target.pk):
            raise UnprocessableError(f"there is no domain `{line.domain}`", pointer="/domain")
    if rights.is_administrator:
        return
    if row is None or row.deleted_at is not None:
        home = target.pk if target is not None else row.domain_id if row is not None else None
        if home is None or not rights.administers(home):
            raise PermissionDeniedError(NOT_YOURS)
    if row is not None and line.domain is not UNSET:
        new_id = target.pk if target is not None else None
        moved = {row.domain_id, new_id} - {None} if row.domain_id != new_id else set()
        if not all(rights.administers(each) for each in moved if each is not None):
            raise PermissionDeniedError("you do not administer this domain", pointer="/domain")


def _references(
    lines: Iterable[DatasetLine], *, domains: dict[str, Domain], context: ChunkContext
) -> References:
    tags: set[str] = set()
    owners: set[OwnerLine] = set()
    terms: set[TermRef] = set()
    for line in lines:
        parts: tuple[DatasetLine | FieldLine, ...] = (line, *(line.fields or ()))
        for each in parts:
            tags.update(each.tags or ())
            terms.update(each.terms or ())
        owners.update(line.owners or ())
    return load_references(domains=domains, tags=tags, owners=owners, terms=terms, context=context)


def _checked(
    lines: Sequence[Numbered],
    *,
    references: References,
    known: dict[int, Dataset],
    names: dict[Key, int],
    context: ChunkContext,
) -> Iterable[CheckedLine]:
    of_dataset = load_checks(PropertyTarget.DATASET)
    of_field = load_checks(PropertyTarget.FIELD)
    for number, line in lines:
        row = known.get(names.get((line.namespace, line.name), 0))
        try:
            yield check_line(
                number,
                line,
                row=row,
                references=references,
                of_dataset=of_dataset,
                of_field=of_field,
            )
        except LakewardenError as error:
            context.refuse(number, error)
