"""Reading a stream ahead of its writing: one thread parses the next chunks while the database takes the last one."""

import queue
import threading
from collections.abc import Collection, Iterator

from catalog.services.bulk.chunks import (
    Read,
    limited,
    read_blocks,
    read_chunks,
    unpacked,
)
from catalog.services.bulk.imports import ParsedChunk, parse_chunk

# Chunks that are read and not yet written: what bounds the memory of an import.
READ_AHEAD = 2
WAIT_SECONDS = 0.2

_END = object()


def parsed_chunks(
    read: Read,
    *,
    gzipped: bool,
    max_bytes: int,
    first_line: int = 1,
    passed_line: int = 0,
    cuts: Collection[int] = (),
) -> Iterator[ParsedChunk]:
    """The chunks of the stream that `read(size)` gives (`read_chunks`), parsed in a thread of their own.

    `max_bytes` limits the stream as it comes and as it is unpacked. What the thread raises is raised here. The thread
    ends with the iterator.
    """
    blocks = limited(read_blocks(read), max_bytes=max_bytes)
    if gzipped:
        blocks = limited(unpacked(blocks), max_bytes=max_bytes)
    chunks = map(
        parse_chunk,
        read_chunks(blocks, first_line=first_line, passed_line=passed_line, cuts=cuts),
    )
    return iter(_Ahead(chunks))


class _Ahead:
    """A bounded queue that one thread fills, and that ends with its reader."""

    def __init__(self, source: Iterator[ParsedChunk]) -> None:
        self._source = source
        self._waiting: queue.Queue[object] = queue.Queue(READ_AHEAD)
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[ParsedChunk]:
        thread = threading.Thread(target=self._fill, name="import reader", daemon=True)
        thread.start()
        try:
            while (item := self._waiting.get()) is not _END:
                if isinstance(item, BaseException):
                    raise item
                if isinstance(item, ParsedChunk):
                    yield item
        finally:
            self._stopped.set()

    def _fill(self) -> None:
        try:
            for chunk in self._source:
                self._put(chunk)
                if self._stopped.is_set():
                    return
            self._put(_END)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._put(error)

    def _put(self, item: object) -> None:
        while not self._stopped.is_set():
            try:
                self._waiting.put(item, timeout=WAIT_SECONDS)
            except queue.Full:
                continue
            return
