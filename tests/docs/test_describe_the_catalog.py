"""The requests of `docs/how-to/describe-the-catalog.md` do what the page says."""

import re
from pathlib import Path

import pytest

from tests.factories.identity import api_client, make_user

pytestmark = pytest.mark.django_db

PAGE = Path(__file__).parents[2] / "docs/how-to/describe-the-catalog.md"


def requests() -> list[tuple[str, str, str]]:
    """(method, path, body) of each request of the page."""
    blocks = "\n".join(re.findall(r"```http\n(.*?)```", PAGE.read_text(), re.DOTALL))
    return re.findall(r"^(GET|POST) (\S+)\n(\{.*\})?", blocks, re.MULTILINE)


def test_the_requests_of_the_page_are_answered() -> None:
    client = api_client(make_user("root", is_superuser=True))
    answers = []
    for method, path, body in requests():
        data = {"data": body, "content_type": "application/json"} if body else {}
        answers.append(getattr(client, method.lower())(path, **data))
    assert [answer.status_code for answer in answers] == [201, 201, 200, 201, 201, 200, 201, 200]
    assert answers[2].json()["items"] == [{"name": "Revenue", "domain": "sales"}]
    assert [each["name"] for each in answers[5].json()["items"]] == ["Orders"]
    assert answers[7].json()["schema"] == {"type": "integer", "minimum": 1}
