"""A grant is revoked in the middle of a read storm: until when is the dataset still shown?

The real web server with two worker processes. The storm is a process of its own, whose clients ask for one dataset
without pause; each question is a connection of its own, so that both workers answer. A round grants, lets the storm
read, revokes, and lets it read on. Measured is how long after the return of the revoking commit the last answer came
that still showed the dataset (0: none did). An answer that is on its way while the commit returns counts; of the
questions asked after the commit none may show it, whichever worker answers.
"""

import http.client
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench._server import own_server
from bench.figures import Figure, figure

WORKERS, CLIENTS, ROUNDS, QUICK_ROUNDS = 2, 4, 25, 5
# How long the storm reads after each grant, and after each revocation: then all that was asked before is answered.
READ_SECONDS, REST_SECONDS = 0.3, 1.0
# Answers before the first round: both workers have then begun.
WARM_UP = 100


class Answer(NamedTuple):
    """One question of the storm; times by the system's monotonic clock, in seconds."""

    asked: float
    came: float
    status: int


def run(*, quick: bool) -> list[Figure]:
    """The last allowed answers after each revocation."""
    # a storm is what the rate limit is there to refuse
    os.environ["LAKEWARDEN_RATE_LIMIT"] = "0"
    with own_server(workers=WORKERS) as server:
        path, token, give, take_back = _grantable()
        ours, theirs = multiprocessing.Pipe()
        storm = multiprocessing.get_context("spawn").Process(
            target=ask_on, args=(server.url, path, token, theirs)
        )
        storm.start()
        ours.recv()
        commits = _toggle(give, take_back, rounds=QUICK_ROUNDS if quick else ROUNDS)
        ours.send("stop")
        answers = [Answer(*each) for each in ours.recv()]
        storm.join()
    return _figures(commits, answers)


def _grantable() -> tuple[str, str, Callable[[], Any], Callable[[Any], None]]:
    """The path of a dataset, the token of one who asks, and how they get and lose the right."""
    from catalog.models import Dataset
    from governance.policy.types import Action
    from governance.queries import principal_of
    from governance.services.grants import grant_access, revoke_grant
    from identity.models import User
    from identity.services import issue_token

    user = User.objects.create(username="reader")
    root = principal_of(User.objects.create(username="root", is_superuser=True))
    dataset = Dataset.objects.create(namespace="lake", name="storm", kind="table")
    token = issue_token(user=user, name="storm", scopes=["read"], lifetime=timedelta(days=1))[1]

    def give() -> Any:
        return grant_access(by=root, subject=user, target=dataset, action=Action.VIEW_METADATA)

    def take_back(grant: Any) -> None:
        revoke_grant(grant, by=root)

    return f"/api/v1/catalog/datasets/{dataset.uuid}", token, give, take_back


def _toggle(
    give: Callable[[], Any], take_back: Callable[[Any], None], *, rounds: int
) -> list[tuple[float, float]]:
    """(before the grant, after the revocation) of each round."""
    commits = []
    for _ in range(rounds):
        granted = time.monotonic()
        grant = give()
        time.sleep(READ_SECONDS)
        take_back(grant)
        commits.append((granted, time.monotonic()))
        time.sleep(REST_SECONDS)
    return commits


def ask_on(url: str, path: str, token: str, orders: Connection) -> None:
    """Ask with all clients, say so when answers come, and send them all when told to stop."""
    stop, answers = threading.Event(), list[Answer]()
    place = urlsplit(url)

    def ask() -> None:
        while not stop.is_set():
            connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
            asked = time.monotonic()
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            response = connection.getresponse()
            response.read()
            answers.append(Answer(asked, time.monotonic(), response.status))
            connection.close()

    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for each in clients:
        each.start()
    while len(answers) < WARM_UP:
        time.sleep(0.05)
    orders.send("ready")
    orders.recv()
    stop.set()
    for each in clients:
        each.join()
    orders.send([tuple(each) for each in answers])


def _figures(commits: list[tuple[float, float]], answers: list[Answer]) -> list[Figure]:
    statuses = {each.status for each in answers}
    if statuses != {200, 404}:
        raise RuntimeError(f"the storm was answered {sorted(statuses)}, expected 200 and 404")
    shown = [each for each in answers if each.status == 200]
    late, wrong = [], 0
    for place, (granted, revoked) in enumerate(commits):
        end = commits[place + 1][0] if place + 1 < len(commits) else float("inf")
        # what comes after the next grant may be its answer
        of_round = [each for each in shown if granted <= each.asked and each.came < end]
        if of_round:
            late.append(max(0.0, max(each.came for each in of_round) - revoked) * 1000)
            wrong += sum(each.asked > revoked for each in of_round)
    note = f"{WORKERS} worker processes, {CLIENTS} clients, {len(answers)} answers"
    return [
        figure("last allowed answer after the revoking commit", "ms", late, note=note),
        figure("allowed answers to questions asked after it", "answers", [wrong], note=note),
    ]
