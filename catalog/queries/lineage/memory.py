"""The edges in force in the memory of this process, brought up to date before each answer."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import structlog
from django.db import connection

from catalog.lineage.adjacency import Adjacency, Change
from catalog.models.lineage import EdgeKind
from catalog.queries.lineage.log import Mark, load_graph, read_news

logger = structlog.get_logger(__name__)

# For how long questions wait for a load; then they are answered from the tables, and the load goes on. Seconds.
PATIENCE: Final = 0.5
# Seconds after a load that failed before the next is tried.
PAUSE: Final = 30.0
# Rows changed since the build, absolute and as a part of the edges, at which they are built in.
LEAST_TO_COMPACT: Final = 512
PART_TO_COMPACT: Final = 64


@dataclass(frozen=True, slots=True)
class _State:
    """A graph, how far it has read the log, and of which database it is."""

    view: Adjacency
    mark: Mark
    database: str


@dataclass
class _Compaction:
    """One that is under way: what has changed since it began."""

    since: list[Change] = field(default_factory=list)


class EdgeMemory:
    """One graph for all threads of this process. Readers get a frozen view, and never wait for a build.

    A view shows every change that was committed before it was asked for, on whatever process, and, within a
    transaction that has changed edges itself, that transaction's own changes.
    """

    def __init__(self, kind: EdgeKind) -> None:
        self.kind = kind
        self._lock = threading.Lock()
        self._state: _State | None = None
        self._load: threading.Thread | None = None
        self._compaction: _Compaction | None = None
        self._began = 0.0
        # After a load that failed, the tables are asked for a while.
        self._not_before = 0.0

    def view(self) -> Adjacency | None:
        """The graph as it is now; None as long as it is being loaded for the first time, or anew."""
        for _ in range(2):
            if not self._is_loaded() and time.monotonic() >= self._not_before:
                loading = self.rebuild()
                loading.join(max(0.0, self._began + PATIENCE - time.monotonic()))
            with self._lock:
                view = self._refreshed(self._state) if self._state and self._is_loaded() else None
            if view is not None:
                return view
        return None

    def _is_loaded(self) -> bool:
        state = self._state
        return state is not None and state.database == _database()

    def _refreshed(self, state: _State) -> Adjacency | None:
        news = read_news(self.kind, mark=state.mark)
        is_ahead = state.mark.reaches(news.snapshot)
        if not news.is_all or (state.mark.is_lost(news.snapshot) and not is_ahead):
            logger.info("the graph is too far behind the edge log", kind=self.kind.name)
            self._state = None
            return None
        if not is_ahead:
            view = state.view.apply(news.committed) if news.committed else state.view
            state = replace(state, view=view, mark=state.mark.after(news.snapshot))
            self._state = state
            self._note(news.committed)
        return state.view.apply(news.own) if news.own else state.view

    def rebuild(self) -> threading.Thread:
        """Load the graph anew from the tables, beside the readers of the present one; the thread that does it."""
        with self._lock:
            return self._start_load()

    def forget(self) -> None:
        """Drop the graph; the next question loads it."""
        with self._lock:
            self._state = None

    @property
    def nbytes(self) -> int:
        """Bytes that the graph takes; 0 if it is not loaded."""
        state = self._state
        return 0 if state is None else state.view.nbytes

    def _start_load(self) -> threading.Thread:
        if self._load is None or not self._load.is_alive():
            self._began = time.monotonic()
            self._load = _in_background(self._load_now, name=f"load-{self.kind.name.lower()}-edges")
        return self._load

    def _load_now(self) -> None:
        try:
            view, mark = load_graph(self.kind)
        except Exception:
            self._not_before = time.monotonic() + PAUSE
            raise
        with self._lock:
            self._state = _State(view, mark, _database())
            self._compaction = None

    def _note(self, committed: list[Change]) -> None:
        """Keep the changes for a compaction under way, or begin one when there are many."""
        if self._compaction is not None:
            self._compaction.since += committed
            return
        state = self._state
        if state is None:
            return
        limit = max(LEAST_TO_COMPACT, len(state.view.base.edges) // PART_TO_COMPACT)
        if state.view.changed_rows > limit:
            self._compaction = _Compaction()
            compaction, view = self._compaction, state.view
            _in_background(
                lambda: self._compact(compaction, view), name=f"compact-{self.kind.name.lower()}"
            )

    def _compact(self, compaction: _Compaction, view: Adjacency) -> None:
        built = view.compacted()
        with self._lock:
            # A load that came between has replaced the graph: then there is nothing to do.
            if self._compaction is compaction and self._state is not None:
                self._state = replace(self._state, view=built.apply(compaction.since))
                self._compaction = None


def _in_background(work: Callable[[], None], *, name: str) -> threading.Thread:
    def run() -> None:
        try:
            work()
        except Exception:
            logger.exception("the lineage graph could not be built", work=name)
        finally:
            connection.close()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


def _database() -> str:
    settings = connection.settings_dict
    return f"{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"


DATASET_EDGES: Final = EdgeMemory(EdgeKind.DATASET)
FIELD_EDGES: Final = EdgeMemory(EdgeKind.FIELD)
