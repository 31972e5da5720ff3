"""What is wrong with the answers to requests: of what is hidden and what never was, and of what is known and not one's own.

Of the first two nobody may tell which is which; of the third a change must be refused.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.walk.answers import Clients, scattered
from tests.walk.bodies import CLASHES, DEARER, OFFERED, OFFERED_ON_OWN, OPEN
from tests.walk.estates import DESCRIBED, NOTICED, Estate
from tests.walk.filters import Filters
from tests.walk.pairs import READS, Outcome, Pair, all_pairs, is_known, outcome, outcomes
from tests.walk.plants import known_things, named_things

# Our own API's, and Iceberg's.
NOT_OFFERED_STATUSES = (405, 406)
# Of the requests that a filter answers, so many are tried without it.
MOST_TRIES = 40


@dataclass(frozen=True)
class Attempt:
    """A request about what the viewer knows of, and may not change; `on_own`: set on what is theirs."""

    pair: Pair
    on_own: bool


Request = Pair | Attempt


def all_requests(estate: Estate) -> Iterator[Request]:
    """Every pair, and an attempt of each change on what may be discovered and on what may be viewed."""
    yield from all_pairs(estate)
    mine = named_things(estate, hidden=False)
    own = [mine[name] for name in ("dataset", "dataset name", "product")]
    for key in (DESCRIBED, NOTICED):
        for pair in all_pairs(estate, things=known_things(estate, key)):
            if pair.method not in READS and not pair.headers:
                yield Attempt(pair, on_own=any(each in pair.hidden[0] for each in own))


def findings(request: Request, clients: Clients) -> list[str]:
    """What is wrong with the answers, a line each."""
    if isinstance(request, Attempt):
        pair = request.pair
        answer = outcome(pair, pair.hidden, clients)
        offered = {**OFFERED, **OFFERED_ON_OWN} if request.on_own else OFFERED
        is_wrong = answer.status < 400 and pair.key not in offered
        return [f"{pair}: {answer.status}, though it is not the viewer's"] if is_wrong else []
    answers = outcomes(request, clients)
    if answers[0].status in NOT_OFFERED_STATUSES:
        return []
    return list(_findings(request, *answers))


def _findings(pair: Pair, hidden: Outcome, missing: Outcome) -> Iterator[str]:
    if not is_known(pair):
        yield f"say in BODIES or WITHOUT_BODY what `{pair.key}` takes ({hidden.status})"
    if hidden.status >= 500:
        yield f"{pair}: {hidden.status}"
    if pair.method not in READS and hidden.status < 400 and pair.key not in OPEN:
        yield f"{pair}: {hidden.status}, though it is hidden"
    if hidden.said != missing.said and pair.key not in CLASHES:
        yield f"{pair}: {hidden.said} and {missing.said}"
    elif hidden.queries != missing.queries and pair.key not in {**CLASHES, **DEARER}:
        yield f"{pair}: {hidden.queries_beside(missing)} and {missing.queries_beside(hidden)}"


@dataclass
class ChangeNotice:
    """Which filters each request asks, and whether something is found wrong when one of them is gone."""

    filters: Filters
    clients: Clients
    asked_by: dict[str, list[Request]] = field(default_factory=lambda: defaultdict(list))

    def watch(self, requests: Iterable[Request]) -> list[str]:
        """What is wrong while every filter is there."""
        wrong = []
        for request in requests:
            self.filters.asked.clear()
            wrong += findings(request, self.clients)
            for name in self.filters.asked:
                self.asked_by[name].append(request)
        return wrong

    def is_noticed(self, name: str) -> bool:
        """Whether some request is answered wrongly without the filter."""
        requests = sorted(self.asked_by.get(name, ()), key=scattered)[:MOST_TRIES]
        with self.filters.without(name):
            return any(findings(each, self.clients) for each in requests)
