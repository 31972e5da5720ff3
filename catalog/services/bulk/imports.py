"""Imports: a stream of lines, written chunk by chunk, each chunk with how far the import has come.

A chunk is one transaction that holds its entries, their history and search text, the import's new mark, the problems
of its lines, and one audit record with the chunk's digest. Whoever dies in between begins again after the mark.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, OperationalError, transaction

from catalog.models import CatalogImport, ImportProblem
from catalog.models.bulk import ImportState
from catalog.services.bulk.chunks import Chunk
from catalog.services.bulk.context import ChunkContext
from catalog.services.bulk.datasets import import_datasets
from catalog.services.bulk.lineage import import_edges, import_field_edges, import_jobs
from catalog.services.bulk.lines import (
    DatasetLine,
    DomainLine,
    EdgeLine,
    FieldEdgeLine,
    JobLine,
    Line,
    ProductLine,
    PropertyLine,
    TermLine,
    parse_line,
)
from catalog.services.bulk.rights import Rights
from catalog.services.bulk.vocabulary import import_vocabulary
from core import audit
from core.clock import utc_now
from core.errors import ConflictError, LakewardenError
from core.ids import uuid7
from identity.models import User

MAX_ATTEMPTS = 3
MAX_STORED_PROBLEMS = 10_000

Numbered = tuple[int, Any]

# In this order within a chunk, whatever the order of its lines: what others name comes first.
STAGES: tuple[tuple[tuple[type, ...], Callable[..., None]], ...] = (
    ((PropertyLine, DomainLine, TermLine), import_vocabulary),
    ((DatasetLine,), import_datasets),
    ((ProductLine,), import_vocabulary),
    ((JobLine,), import_jobs),
    ((EdgeLine,), import_edges),
    ((FieldEdgeLine,), import_field_edges),
)


@dataclass(frozen=True)
class ParsedChunk:
    """A chunk whose lines are read; those that cannot be are in `refused`."""

    chunk: Chunk
    lines: list[tuple[int, Line]]
    refused: dict[int, LakewardenError]


@dataclass(frozen=True)
class Outcome:
    """What became of a chunk, now that it is committed."""

    acknowledged_line: int
    counts: dict[str, int]
    refused: dict[int, LakewardenError]


def parse_chunk(chunk: Chunk) -> ParsedChunk:
    """Read the lines of a chunk; nothing of the database is asked."""
    lines, refused = [], dict(chunk.too_long)
    for number, raw in chunk.lines:
        try:
            lines.append((number, parse_line(raw)))
        except LakewardenError as error:
            refused[number] = error
    return ParsedChunk(chunk, lines, refused)


def begin_import(
    *, user: User | None, uuid: UUID | None = None, first_line: int = 1
) -> CatalogImport:
    """A new import, or the one of this id to go on with; ConflictError if that is another user's.

    ConflictError, too, if a stream that begins at `first_line` leaves out lines that the import still lacks.

    An id that nothing has yet may be chosen by the client, so that it can go on even if the first answer is lost.
    """
    row, _ = CatalogImport.objects.get_or_create(uuid=uuid or uuid7(), defaults={"user": user})
    if row.user_id != (user.pk if user else None):
        raise ConflictError("the import id is taken")
    if first_line > row.acknowledged_line + 1:
        raise _other_stream(row.acknowledged_line)
    return row


def run_import(
    row: CatalogImport, *, chunks: Iterable[ParsedChunk], rights: Callable[[], Rights], actor: str
) -> Iterator[Outcome]:
    """Write the chunks that come after the import's mark, and yield what became of each once it is committed.

    Chunks before the mark are passed by, and ConflictError is raised if they are not those that were written
    (the stream is another one) or if another process goes on with the same import. `rights` is asked for each chunk.
    """
    mark, digest = row.acknowledged_line, row.digest
    passed = ""
    for parsed in chunks:
        chunk = parsed.chunk
        if chunk.last_line <= mark:
            passed = chain_digest(passed, chunk.digest)
            continue
        if chunk.first_line != mark + 1 or (passed and passed != digest):
            raise _other_stream(mark)
        outcome = _write_chunk(row, parsed, rights=rights, actor=actor)
        mark, passed = outcome.acknowledged_line, ""
        yield outcome
    if passed and passed != digest:
        raise _other_stream(mark)
    _complete(row)


def _other_stream(mark: int) -> ConflictError:
    return ConflictError(
        "the stream does not go on where the import stands", acknowledged_line=mark
    )


def chain_digest(former: str, digest: str) -> str:
    """The digest of an import after one more chunk."""
    return hashlib.sha256(f"{former}{digest}".encode()).hexdigest()


def _write_chunk(
    row: CatalogImport, parsed: ParsedChunk, *, rights: Callable[[], Rights], actor: str
) -> Outcome:
    """Write a chunk, again if another writer came between; InvalidInputError and the like are kept by line."""
    for left in range(MAX_ATTEMPTS - 1, -1, -1):
        try:
            with transaction.atomic():
                return _write_once(row, parsed, rights=rights(), actor=actor)
        except (IntegrityError, OperationalError):
            if left == 0:
                raise
    raise AssertionError


def _write_once(row: CatalogImport, parsed: ParsedChunk, *, rights: Rights, actor: str) -> Outcome:
    locked = CatalogImport.objects.select_for_update().get(pk=row.pk)
    chunk = parsed.chunk
    if locked.acknowledged_line != chunk.first_line - 1:
        raise ConflictError(
            "another process goes on with this import", acknowledged_line=locked.acknowledged_line
        )
    context = ChunkContext(actor=actor, rights=rights, now=utc_now(), refused=dict(parsed.refused))
    for kinds, write in STAGES:
        chosen = [each for each in parsed.lines if isinstance(each[1], kinds)]
        for batch in _without_repeats(chosen):
            write(batch, context=context)
    context.counts["refused"] = len(context.refused)
    _acknowledge(locked, chunk=chunk, context=context)
    return Outcome(chunk.last_line, dict(context.counts), context.refused)


def _without_repeats(lines: Sequence[Numbered]) -> Iterator[Sequence[Numbered]]:
    """The lines in batches in which no entry is named twice: a later line finds what an earlier one made."""
    batch: list[Numbered] = []
    seen: set[Any] = set()
    for number, line in lines:
        key = (line.namespace, line.name) if isinstance(line, DatasetLine | JobLine) else None
        if key is not None and key in seen:
            yield batch
            batch, seen = [], set()
        seen.add(key)
        batch.append((number, line))
    if batch:
        yield batch


def _acknowledge(row: CatalogImport, *, chunk: Chunk, context: ChunkContext) -> None:
    """The import's mark, its problems and the audit record, in the chunk's own transaction."""
    counts = Counter(context.counts)
    row.acknowledged_line = chunk.last_line
    row.digest = chain_digest(row.digest, chunk.digest)
    if not chunk.is_full:
        row.cuts.append(chunk.last_line)
    row.created += counts["created"]
    row.updated += counts["updated"]
    row.unchanged += counts["unchanged"]
    row.refused += counts["refused"]
    row.save()
    room = MAX_STORED_PROBLEMS - row.problems.count() if context.refused else 0
    ImportProblem.objects.bulk_create(
        [
            ImportProblem(run=row, line=line, problem=_problem(error))
            for line, error in sorted(context.refused.items())[: max(room, 0)]
        ]
    )
    audit.record(
        actor=context.actor,
        action="catalog.import",
        resource=f"import:{row.uuid}",
        payload={
            "first_line": chunk.first_line,
            "last_line": chunk.last_line,
            "sha256": chunk.digest,
            **{key: counts[key] for key in ("created", "updated", "unchanged", "refused")},
        },
    )


def _problem(error: LakewardenError) -> dict[str, Any]:
    return {"code": error.code, "status": error.status, "detail": error.message, **error.data}


def _complete(row: CatalogImport) -> None:
    CatalogImport.objects.filter(pk=row.pk).update(
        state=ImportState.COMPLETED, updated_at=utc_now()
    )
    row.refresh_from_db()
