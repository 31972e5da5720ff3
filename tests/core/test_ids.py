import time

from core.ids import uuid7


def test_uuid7_has_its_version_and_variant_and_sorts_by_time():
    first = uuid7()
    time.sleep(0.002)
    second = uuid7()
    assert (first.version, first.variant) == (7, "specified in RFC 4122")
    assert first < second


def test_uuid7_carries_the_milliseconds():
    before = time.time_ns() // 1_000_000
    value = uuid7()
    after = time.time_ns() // 1_000_000
    assert before <= value.int >> 80 <= after
