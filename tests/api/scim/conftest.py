"""An identity provider with its token."""

from typing import Any

import pytest
from django.test import Client

from tests.factories.identity import make_service, make_token, make_user

ROOT = "/scim/v2"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SCIM_JSON = "application/scim+json"


class Provider:
    """Sends what Okta and Entra send; each method gives the response."""

    def __init__(self, token: str) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {token}"})

    def send(self, method: str, path: str, body: Any = None, **headers: str):
        send = getattr(self.client, method.lower())
        extra = {} if body is None else {"data": body, "content_type": SCIM_JSON}
        return send(f"{ROOT}{path}", **extra, headers=headers)

    def get(self, path: str, **query: Any):
        return self.client.get(f"{ROOT}{path}", query)

    def names(self, path: str, **query: Any) -> list[str]:
        """The `userName` or `displayName` of each resource of a list."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.content
        found = answer.json()["Resources"]
        return [each.get("userName") or each.get("displayName") for each in found]

    def make_user(self, username: str, /, **more: Any) -> dict[str, Any]:
        answer = self.send("POST", "/Users", {"schemas": [USER], "userName": username, **more})
        assert answer.status_code == 201, answer.content
        return answer.json()

    def make_group(self, name: str, /, *members: str, **more: Any) -> dict[str, Any]:
        listed = [{"value": each} for each in members]
        body = {"schemas": [GROUP], "displayName": name, "members": listed, **more}
        answer = self.send("POST", "/Groups", body)
        assert answer.status_code == 201, answer.content
        return answer.json()

    def patch(self, path: str, *operations: dict[str, Any], **headers: str):
        return self.send("PATCH", path, {"schemas": [PATCH], "Operations": operations}, **headers)


@pytest.fixture
def scim_token(db) -> str:
    root = make_user("root", is_superuser=True)
    return make_token(make_service("okta"), scopes=["scim"], issuer=root)


@pytest.fixture
def provider(scim_token) -> Provider:
    return Provider(scim_token)
