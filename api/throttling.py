"""Rate limits: a bucket of requests for each caller, kept in Redis, so that one runaway client cannot crowd out the others.

A bucket holds as many requests as the limit allows a minute, and refills at that rate, so a burst passes and a flood does
not. One script call to Redis a request. Where Redis does not answer the request passes, with a line in the log: a lost cache
must not close the catalog, and what must hold without it (permissions, sizes, queues) does not rest on it.
"""

import ipaddress
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import redis
import structlog
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from api.metrics import THROTTLED, UNLIMITED
from api.problems import ThrottledError
from identity.models import User

logger = structlog.get_logger(__name__)

# A limiter that makes its request wait for long is worse than none.
REDIS_TIMEOUT_SECONDS = 0.25
# After a failure Redis is left alone for this long, so that a dead one costs a timeout every now and then.
PAUSE_SECONDS = 5.0
MINUTE_MICROSECONDS = 60_000_000

# What probes and scrapers ask must answer whatever else is going on.
FREE_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
# The receiver of lineage answers a token's events by its own bounded queue, and pays for no second limit.
QUEUED_PATHS = frozenset({"/api/v1/lineage", "/api/v1/lineage/batch"})
# Where engines, model clients and loaders send one request a file, a table or an input.
PROTOCOL_PREFIXES = (
    "/iceberg/",
    "/v2",
    "/opa/",
    "/scim/",
    "/api/v1/ingestion/uploads/",
    "/api/v1/lineage",
)

# The generic cell rate algorithm (ITU-T I.371, annex A) with microseconds of the server's clock. KEYS[1] holds when the
# bucket will be full again; ARGV: microseconds a request, requests in a full bucket. Gives 0, or how long to wait.
_SPEND = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local each = tonumber(ARGV[1])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + each
local wait = full - each * tonumber(ARGV[2]) - now
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return 0
"""


class Limit(StrEnum):
    """Which bucket a request is taken from."""

    PRINCIPAL = "principal"
    PROTOCOL = "protocol"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Whose requests are counted together, and how many of them a minute."""

    limit: Limit
    who: str
    per_minute: int


def bucket_of(request: HttpRequest) -> Bucket | None:
    """The bucket that pays for `request`, which must be authenticated already; None where nothing does."""
    if request.path in FREE_PATHS:
        return None
    is_signed_in = isinstance(request.user, User)
    if request.path in QUEUED_PATHS and request.method == "POST" and _has_token(request):
        return None
    if not is_signed_in:
        return anonymous_bucket(request)
    config = settings.LAKEWARDEN.rate_limits
    if request.path.startswith(PROTOCOL_PREFIXES):
        return _bucket(Limit.PROTOCOL, str(request.user.pk), config.protocol)
    return _bucket(Limit.PRINCIPAL, str(request.user.pk), config.principal)


def anonymous_bucket(request: HttpRequest) -> Bucket | None:
    """The bucket of the caller's address; a network of IPv6 is one caller, since each host has 2^64 addresses."""
    per_minute = settings.LAKEWARDEN.rate_limits.anonymous
    return _bucket(Limit.ANONYMOUS, _network(request.META.get("REMOTE_ADDR", "")), per_minute)


def spend(bucket: Bucket | None) -> None:
    """Take one request out of `bucket`. Raises ThrottledError with the seconds to wait where it is empty."""
    if bucket is None:
        return
    wait = _counter().wait(bucket)
    if wait == 0:
        return
    THROTTLED.labels(bucket.limit).inc()
    seconds = max(1, -(-wait // 1_000_000))
    raise ThrottledError(
        f"too many requests: {bucket.per_minute} a minute are allowed",
        limit=str(bucket.limit),
        retry_after=seconds,
    )


def _has_token(request: HttpRequest) -> bool:
    return getattr(request, "api_token", None) is not None


def _bucket(limit: Limit, who: str, per_minute: int) -> Bucket | None:
    return Bucket(limit, who, per_minute) if per_minute else None


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # a Unix socket has none
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


class _Counter:
    """The buckets of one Redis. INVARIANT: `wait` never raises, and never waits longer than the timeout."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=REDIS_TIMEOUT_SECONDS,
            socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        )
        self._spend = self._client.register_script(_SPEND)
        self._silent_until = 0.0

    def wait(self, bucket: Bucket) -> int:
        """Take one request out of `bucket`; 0, or the microseconds until there is one again."""
        if time.monotonic() < self._silent_until:
            UNLIMITED.inc()
            return 0
        key = cache.make_key(f"rate:{bucket.limit}:{bucket.who}")
        each = max(1, MINUTE_MICROSECONDS // bucket.per_minute)
        try:
            return int(self._spend(keys=[key], args=[each, bucket.per_minute]))
        except redis.RedisError as error:
            self._silent_until = time.monotonic() + PAUSE_SECONDS
            UNLIMITED.inc()
            logger.warning("requests are not limited", reason=type(error).__name__)
            return 0


def _counter() -> _Counter:
    return _counter_at(settings.LAKEWARDEN.redis_url)


@lru_cache(maxsize=1)
def _counter_at(url: str) -> _Counter:
    return _Counter(url)
