import time

import pytest

from ingestion.errors import LeaseHeldError, LeaseLostError
from ingestion.models import Lease
from ingestion.services.leases import prove_lease, release_lease, take_lease

pytestmark = pytest.mark.django_db


def test_one_holder_at_a_time():
    lease = take_lease("x", seconds=30)
    with pytest.raises(LeaseHeldError, match="`x`"):
        take_lease("x", seconds=30)
    take_lease("y", seconds=30)
    prove_lease(lease)
    release_lease(lease)
    assert take_lease("x", seconds=30).token == lease.token + 1


def test_a_lease_that_ran_out_is_lost_to_the_next_holder():
    first = take_lease("x", seconds=0)
    time.sleep(0.01)
    prove_lease(first)  # nobody took it: it still holds, and is prolonged by no time
    time.sleep(0.01)
    second = take_lease("x", seconds=30)
    with pytest.raises(LeaseLostError):
        prove_lease(first)
    release_lease(first)  # changes nothing
    prove_lease(second)
    assert Lease.objects.get().fencing_token == second.token


def test_proving_prolongs():
    lease = take_lease("x", seconds=30)
    before = Lease.objects.get().expires_at
    time.sleep(0.01)
    prove_lease(lease)
    assert Lease.objects.get().expires_at > before
