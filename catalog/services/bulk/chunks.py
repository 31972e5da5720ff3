"""Cutting a stream of bytes into chunks of lines, with bounded memory whatever the stream holds."""

import hashlib
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

import orjson

from core.errors import InvalidInputError, LakewardenError, LimitExceededError

# INVARIANT: the cut depends on the lines alone, so that the same stream always gives the same chunks: the digest
# of an import that goes on is compared with the one that it had.
CHUNK_LINES = 5_000
CHUNK_BYTES = 8 << 20
MAX_LINE_BYTES = 4 << 20
READ_BYTES = 1 << 18
GZIP_WINDOW = 31

Read = Callable[[int], bytes]


@dataclass(slots=True)
class Chunk:
    """Lines from `first_line` to `last_line`, counted from 1, empty ones left out; `digest` is SHA-256 of all of them.

    `is_full` is false where only the end of the stream ended the chunk.
    """

    first_line: int
    last_line: int = 0
    lines: list[tuple[int, bytes]] = field(default_factory=list)
    too_long: list[tuple[int, LakewardenError]] = field(default_factory=list)
    digest: str = ""
    is_full: bool = True


def read_blocks(read: Read) -> Iterator[bytes]:
    """What `read` gives until it gives nothing."""
    while block := read(READ_BYTES):
        yield block


def limited(blocks: Iterator[bytes], *, max_bytes: int) -> Iterator[bytes]:
    """The blocks; LimitExceededError once they are more than `max_bytes` together."""
    size = 0
    for block in blocks:
        size += len(block)
        if size > max_bytes:
            raise LimitExceededError("the stream is too large", limit="import", max_bytes=max_bytes)
        yield block


def unpacked(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The content of a gzip stream of one member or several, a bounded piece at a time.

    InvalidInputError if it is no gzip, or is cut off.
    """
    unpacker, begun = zlib.decompressobj(GZIP_WINDOW), False
    for block in blocks:
        rest = block
        while rest:
            if unpacker.eof:
                unpacker = zlib.decompressobj(GZIP_WINDOW)
            begun = True
            try:
                yield unpacker.decompress(rest, READ_BYTES)
            except zlib.error:
                raise InvalidInputError("the body is not gzip") from None
            rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if begun and not unpacker.eof:
        raise InvalidInputError("the gzip body is cut off")


def read_chunks(
    blocks: Iterator[bytes],
    *,
    first_line: int = 1,
    passed_line: int = 0,
    cuts: Collection[int] = (),
) -> Iterator[Chunk]:
    """The chunks of a stream whose first line has the number `first_line`.

    Lines up to `passed_line` are in no chunk. A chunk ends after each line of `cuts`, too. InvalidInputError, after the
    last whole line is given, if the stream ends within a line.
    """
    cutter = _Cutter(first_line, passed_line=passed_line, cuts=frozenset(cuts))
    for block in blocks:
        yield from cutter.feed(block)
    yield from cutter.finish()


class _Cutter:
    """Holds the beginning of a line that is not whole yet, and the chunk that is not full yet."""

    def __init__(self, first_line: int, *, passed_line: int, cuts: frozenset[int]) -> None:
        self._line = first_line
        self._passed_line = passed_line
        self._cuts = cuts
        self._rest = b""
        # SHA-256 of a line that is too long to be held, while its end is not read.
        self._skipped: hashlib._Hash | None = None
        self._begin()

    def _begin(self) -> None:
        self._chunk = Chunk(self._line)
        self._hash = hashlib.sha256()
        self._size = self._count = 0

    def feed(self, block: bytes) -> Iterator[Chunk]:
        head, newline, tail = block.partition(b"\n")
        if not newline:
            self._hold(block)
            return
        self._hold(head)
        yield from self._end_line()
        *whole, rest = tail.split(b"\n")
        for line in whole:
            self._hold(line)
            yield from self._end_line()
        self._hold(rest)

    def finish(self) -> Iterator[Chunk]:
        torn = self._skipped is not None or (bool(self._rest) and not _is_json(self._rest))
        if self._rest and not torn:
            yield from self._end_line()
        if self._count:
            self._chunk.is_full = False
            yield self._close()
        if torn:
            raise InvalidInputError("the stream ends within a line", line=self._line)

    def _hold(self, piece: bytes) -> None:
        if self._skipped is None:
            self._rest = self._rest + piece if self._rest else piece
            if len(self._rest) <= MAX_LINE_BYTES:
                return
            self._skipped, piece, self._rest = hashlib.sha256(), self._rest, b""
        self._skipped.update(piece)

    def _end_line(self) -> Iterator[Chunk]:
        if self._line <= self._passed_line:
            self._line += 1
            self._rest, self._skipped = b"", None
            self._chunk.first_line = self._line
            return
        if self._skipped is not None:
            error = LimitExceededError(
                "the line is too long", limit="line", max_bytes=MAX_LINE_BYTES
            )
            self._chunk.too_long.append((self._line, error))
            self._hash.update(self._skipped.digest())
            self._skipped = None
        else:
            line, self._rest = self._rest, b""
            self._hash.update(line)
            self._hash.update(b"\n")
            self._size += len(line)
            if not line.isspace() and line:
                self._chunk.lines.append((self._line, line))
        self._line += 1
        self._count += 1
        is_full = self._count >= CHUNK_LINES or self._size >= CHUNK_BYTES
        if is_full or self._line - 1 in self._cuts:
            yield self._close()

    def _close(self) -> Chunk:
        chunk = self._chunk
        chunk.last_line = self._line - 1
        chunk.digest = self._hash.hexdigest()
        self._begin()
        return chunk


def _is_json(line: bytes) -> bool:
    """Whether a line without its end is whole: the beginning of a JSON object never is JSON."""
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return not line.strip()
    return True
