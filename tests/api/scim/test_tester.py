"""The public SCIM tester, against a real web server."""

from collections import Counter

import pytest
from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from tests.api.iceberg.conftest import web_server  # noqa: F401 - the fixture

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_public_tester_finds_nothing(web_server, scim_token):  # noqa: F811 - the fixture
    headers = {"Authorization": f"Bearer {scim_token}"}
    with Client(base_url=f"{web_server}/scim/v2", headers=headers, timeout=30) as http:
        results = check_server(SyncSCIMClient(http))
    wrong = [
        f"{each.status} {each.title} ({each.resource_type}): {each.reason}"
        for each in results
        if each.status not in (Status.SUCCESS, Status.COMPLIANT, Status.SKIPPED)
    ]
    assert not wrong, "\n".join(wrong)
    assert Counter(each.status for each in results)[Status.SUCCESS] > 60
