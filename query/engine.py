"""The scan engine: one locked DuckDB instance a process, one cursor a read.

Only files below the storage locations can be opened, nothing can be written, loaded or configured once it runs, and
each read has a limit of time. The store's credentials are handed over as parameters and are in no statement or log.
"""

import os
import threading
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import urlsplit

import duckdb
import duckdb_extensions
import pyarrow as pa
import structlog
from django.conf import settings

from query.errors import ReadFailedError, ReadLimitError
from query.statement import Statement, apply_late_masks
from storage.tables.locations import storage_roots

logger = structlog.get_logger(__name__)

MEMORY_LIMIT = "1GB"
THREADS = 2
KEPT_MEMORY = (
    "8MB"  # what a thread of the engine may keep of freed memory; it keeps 128 MB by default
)
TIME_LIMIT_SECONDS = 120.0
BATCH_ROWS = 65_536


def open_cursor() -> duckdb.DuckDBPyConnection:
    """A connection of its own to the process's engine; whoever opens it closes it."""
    return _engine(os.getpid(), storage_roots()).cursor()


def stream_batches(
    cursor: duckdb.DuckDBPyConnection, statement: Statement, *, seconds: float = TIME_LIMIT_SECONDS
) -> pa.RecordBatchReader:
    """Run `statement`, its late masks included; the reader closes `cursor` when it ends, fails, or is dropped.

    Raises ReadLimitError past `seconds` of wall time or the memory limit, ReadFailedError for all else, now or
    while batches are read.
    """
    timer = threading.Timer(seconds, cursor.interrupt)
    timer.daemon = True
    timer.start()
    try:
        reader = cursor.execute(statement.sql).to_arrow_reader(BATCH_ROWS)
    except duckdb.Error as error:
        timer.cancel()
        cursor.close()
        raise _translated(error) from None
    batches = _batches(reader, statement, cursor, timer)
    return pa.RecordBatchReader.from_batches(reader.schema, batches)


def _batches(
    reader: pa.RecordBatchReader,
    statement: Statement,
    cursor: duckdb.DuckDBPyConnection,
    timer: threading.Timer,
) -> Iterator[pa.RecordBatch]:
    try:
        for batch in reader:
            yield apply_late_masks(statement, batch)
    except (duckdb.Error, pa.ArrowException, OSError, RuntimeError, ValueError) as error:
        raise _translated(error) from None
    finally:
        timer.cancel()
        cursor.close()


def _translated(error: Exception) -> ReadFailedError | ReadLimitError:
    text = str(error)
    if isinstance(error, duckdb.InterruptException) or "INTERRUPT" in text.upper():
        return ReadLimitError(f"the read took longer than {TIME_LIMIT_SECONDS:.0f} seconds")
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in text:
        return ReadLimitError(f"the read needs more memory than {MEMORY_LIMIT}")
    # The engine's message can quote statements and values, so only its kind is logged.
    logger.error("governed read failed", kind=type(error).__name__)
    return ReadFailedError("the table's files could not be read")


@lru_cache(maxsize=2)
def _engine(process_id: int, roots: tuple[str, ...]) -> duckdb.DuckDBPyConnection:
    """The engine of this process; a fork makes its own. `roots` are all that it may open."""
    del process_id
    duckdb_extensions.import_extension("httpfs")
    engine = duckdb.connect(
        config={"autoload_known_extensions": "false", "autoinstall_known_extensions": "false"}
    )
    engine.load_extension("httpfs")
    _add_store(engine)
    engine.execute(f"SET memory_limit='{MEMORY_LIMIT}'; SET threads={THREADS}; SET TimeZone='UTC'")
    engine.execute(f"SET allocator_flush_threshold='{KEPT_MEMORY}'")
    engine.execute("SET temp_directory=''; SET parquet_metadata_cache=true")
    engine.execute("SET allowed_directories=$roots", {"roots": [f"{root}/" for root in roots]})
    engine.execute("SET enable_external_access=false; SET lock_configuration=true")
    return engine


def _add_store(engine: duckdb.DuckDBPyConnection) -> None:
    s3 = settings.LAKEWARDEN.s3
    if not s3.access_key_id or not s3.secret_access_key:
        return
    values = {"key": s3.access_key_id, "secret": s3.secret_access_key, "region": s3.region}
    place = ""
    if s3.endpoint_url:
        parts = urlsplit(s3.endpoint_url)
        values |= {"endpoint": parts.netloc}
        secure = "true" if parts.scheme == "https" else "false"
        place = f", ENDPOINT $endpoint, URL_STYLE 'path', USE_SSL {secure}"
    engine.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID $key, SECRET $secret, REGION $region{place})", values
    )
