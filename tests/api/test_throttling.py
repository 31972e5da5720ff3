"""Rate limits over the real Redis: who shares a bucket, what is free, what a refusal looks like, and a Redis that is gone."""

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import structlog
from django.conf import settings as django_settings
from django.test import Client

from api.metrics import UNLIMITED
from api.problems import ThrottledError
from api.throttling import Bucket, Limit, _counter_at, _network, spend
from config.env import RateLimits
from tests.factories.identity import api_client, make_service, make_token, make_user, page_client

pytestmark = pytest.mark.django_db
LIST = "/api/v1/catalog/tags"
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def limits(settings):
    """Sets limits, all others off; what was learnt about a Redis that is gone is forgotten."""
    _counter_at.cache_clear()

    def set_limits(*, redis_url=None, trusted_proxies=0, **per_minute):
        settings.LAKEWARDEN = dataclasses.replace(
            django_settings.LAKEWARDEN,
            rate_limits=RateLimits(**{"principal": 0, "protocol": 0, "anonymous": 0} | per_minute),
            redis_url=redis_url or django_settings.LAKEWARDEN.redis_url,
            trusted_proxies=trusted_proxies,
        )

    return set_limits


def statuses(client, times, path=LIST, **headers):
    return [client.get(path, **headers).status_code for _ in range(times)]


def test_a_refusal_is_a_problem_document_with_the_time_to_wait(limits):
    limits(principal=2)
    client = api_client(make_user())
    assert statuses(client, 2) == [200, 200]
    refused = client.get(LIST)
    assert (refused.status_code, refused["Content-Type"], refused["Retry-After"]) == (
        429,
        "application/problem+json",
        "30",
    )
    assert refused.json() == {
        "type": "/docs/errors#too-many-requests",
        "title": "too many requests",
        "status": 429,
        "detail": "too many requests: 2 a minute are allowed",
        "code": "too-many-requests",
        "limit": "principal",
        "retry_after": 30,
    }


def test_all_tokens_and_sessions_of_one_user_share_a_bucket_and_others_have_their_own(limits):
    limits(principal=2)
    user, other = make_user(), make_user()
    assert statuses(api_client(user), 1) == [200]
    assert statuses(page_client(user), 1, "/") == [200]
    assert statuses(api_client(user), 1) == [429]
    assert statuses(api_client(other), 2) == [200, 200]


def test_a_page_is_refused_with_a_page(limits):
    limits(principal=1)
    client = page_client(make_user())
    assert statuses(client, 1, "/") == [200]
    refused = client.get("/")
    assert (refused.status_code, refused["Content-Type"], refused["Retry-After"]) == (
        429,
        "text/html; charset=utf-8",
        "60",
    )
    assert "Try again in 60 seconds." in refused.content.decode()


def test_who_is_not_signed_in_is_counted_by_address(limits):
    limits(anonymous=2)
    client = Client()
    assert statuses(client, 3, REMOTE_ADDR="192.0.2.7") == [401, 401, 429]
    assert statuses(client, 1, "/sign-in", REMOTE_ADDR="192.0.2.7") == [429]
    assert statuses(client, 1, REMOTE_ADDR="192.0.2.8") == [401]


def test_guessed_tokens_are_paid_for_by_their_address(limits):
    limits(anonymous=2)
    guesses = [Client(headers={"Authorization": f"Bearer guess{n}"}) for n in range(3)]
    answers = [guess.get(LIST, REMOTE_ADDR="192.0.2.9") for guess in guesses]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[2]["Retry-After"] == "30"


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "/run/socket", True),
    ],
)
def test_an_ipv6_network_is_one_caller(first, second, is_same):
    assert (_network(first) == _network(second)) is is_same


@pytest.mark.parametrize(
    ("proxies", "forwarded", "paying"),
    [
        (0, "198.51.100.1", "127.0.0.1"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        (2, "203.0.113.9, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
        (2, "198.51.100.1", "127.0.0.1"),
        (1, "not an address", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_the_address_is_read_from_a_header_behind_known_proxies_only(
    limits, proxies, forwarded, paying
):
    limits(anonymous=1, trusted_proxies=proxies)
    assert statuses(Client(), 1, headers={"X-Forwarded-For": forwarded}) == [401]
    limits(anonymous=1)
    assert statuses(Client(), 1, REMOTE_ADDR=paying) == [429]


def test_protocols_have_their_own_bucket_and_refuse_in_their_own_form(limits):
    limits(principal=1, protocol=1)
    client = api_client(make_user())
    assert statuses(client, 1) == [200]
    assert statuses(client, 1, "/iceberg/v1/config") == [200]
    iceberg = client.get("/iceberg/v1/config")
    inference = client.get("/v2/models/x")
    assert [each.status_code for each in (iceberg, inference)] == [429, 429]
    assert iceberg.json() == {
        "error": {
            "message": "too many requests: 1 a minute are allowed",
            "type": "TooManyRequestsException",
            "code": 429,
        }
    }
    assert inference.json() == {"error": "too many requests: 1 a minute are allowed"}
    assert [each["Retry-After"] for each in (iceberg, inference)] == ["60", "60"]


def test_probes_are_free(limits):
    limits(anonymous=1)
    assert statuses(Client(), 3, "/healthz") == [200, 200, 200]


def test_zero_is_no_limit(limits):
    limits(redis_url=NOWHERE)
    before = unlimited()
    assert statuses(api_client(make_user()), 3) == [200, 200, 200]
    assert unlimited() == before


def test_events_of_a_token_cost_no_call_to_redis(limits):
    limits(principal=1, protocol=1, anonymous=1, redis_url=NOWHERE)
    before = unlimited()
    client = Client(headers={"Authorization": f"Bearer {make_token(make_service())}"})
    for path in ("/api/v1/lineage", "/api/v1/lineage/batch"):
        answer = client.post(path, b"[", content_type="application/json")
        assert answer.status_code == 400
    assert unlimited() == before
    client.get("/api/v1/lineage?nodeId=dataset:a:b")
    assert unlimited() == before + 1


def test_a_redis_that_is_gone_lets_requests_pass_and_is_told_once(limits):
    limits(principal=1, redis_url=NOWHERE)
    client, before = api_client(make_user()), unlimited()
    with structlog.testing.capture_logs() as lines:
        assert statuses(client, 3) == [200, 200, 200]
    assert [
        (line["event"], line["reason"]) for line in lines if line["log_level"] == "warning"
    ] == [("requests are not limited", "ConnectionError")]
    assert unlimited() == before + 3


def test_a_request_costs_one_call(limits, monkeypatch):
    limits(principal=100)
    client = api_client(make_user())
    client.get(LIST)  # the script is known from here on
    sent = []
    execute = redis.Redis.execute_command

    def listening(self, *words, **options):
        sent.append(words[0])
        return execute(self, *words, **options)

    monkeypatch.setattr(redis.Redis, "execute_command", listening)
    assert statuses(client, 3) == [200, 200, 200]
    assert sent == ["EVALSHA"] * 3


def test_a_script_that_redis_forgot_is_loaded_again(unique):
    spend(Bucket(Limit.PRINCIPAL, unique, 10))
    with redis.Redis.from_url(django_settings.LAKEWARDEN.redis_url) as server:
        server.script_flush()
    spend(Bucket(Limit.PRINCIPAL, unique, 10))


def test_callers_at_once_take_no_more_than_there_is(unique):
    def takes(_) -> bool:
        try:
            spend(Bucket(Limit.PRINCIPAL, unique, 1))
        except ThrottledError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(takes, range(40))) == 1


def test_who_waits_as_told_is_let_in(unique):
    bucket = Bucket(Limit.PRINCIPAL, unique, 60)
    refused = None
    while refused is None:
        try:
            spend(bucket)
        except ThrottledError as error:
            refused = error
    time.sleep(refused.data["retry_after"])
    spend(bucket)


def unlimited() -> float:
    return UNLIMITED._value.get()
