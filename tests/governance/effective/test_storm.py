"""A grant is revoked, given and revoked again while many threads read: no answer is older than the last commit."""

import threading
import time

import pytest
from django.db import connection

from governance.effective import visible_ids
from governance.effective.store import STORE, FactStore
from governance.models import DatasetUserGrant
from governance.policy.types import Action
from governance.queries import principal_of
from tests.factories.catalog import make_dataset
from tests.factories.governance import make_grant
from tests.factories.identity import make_user

pytestmark = pytest.mark.django_db(transaction=True)
READERS, TURNS = 4, 12


class Reader(threading.Thread):
    """Asks again and again; `answers` are (asked at, answered at, seen)."""

    def __init__(self, principal, stop):
        super().__init__()
        self.principal, self.stop, self.answers, self.error = principal, stop, [], None

    def run(self):
        try:
            while not self.stop.is_set():
                asked = time.monotonic()
                seen = bool(visible_ids(self.principal))
                self.answers.append((asked, time.monotonic(), seen))
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            self.error = error
        finally:
            connection.close()


def test_no_answer_is_older_than_a_commit_before_its_question(monkeypatch):
    # the second store stands for another process, with threads of its own
    stores = [STORE, FactStore()]
    monkeypatch.setattr(
        "governance.effective.sets.STORE",
        type(
            "ByThread",
            (),
            {"ask": lambda _, question: own[threading.current_thread()].ask(question)},
        )(),
    )
    user, dataset = make_user(), make_dataset()
    stop = threading.Event()
    readers = [Reader(principal_of(user), stop) for _ in range(READERS)]
    own = {each: stores[number % 2] for number, each in enumerate(readers)}
    for each in readers:
        each.start()
    changes = [(time.monotonic(), time.monotonic(), False)]
    for turn in range(TURNS):
        before = time.monotonic()
        if turn % 2 == 0:
            make_grant(user, dataset, Action.VIEW_METADATA)
        else:
            DatasetUserGrant.objects.all().delete()
        changes.append((before, time.monotonic(), turn % 2 == 0))
        time.sleep(0.05)
    stop.set()
    for each in readers:
        each.join()
    assert [each.error for each in readers] == [None] * READERS
    STORE.forget()
    answers = [answer for each in readers for answer in each.answers]
    assert {seen for *_, seen in answers} == {True, False}
    for asked, answered, seen in answers:
        settled = [state for _, end, state in changes if end <= asked][-1:]
        under_way = [state for begun, end, state in changes if end > asked and begun <= answered]
        assert seen in {*settled, *under_way}
