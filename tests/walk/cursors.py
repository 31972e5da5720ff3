"""Places in lists, as somebody is given them who sees everything: whoever comes by one goes on in a list of their own."""

import json

from tests.factories.identity import api_client, make_user

LISTS = ("dataset", "job", "term")
PAGE_SIZES = (2, 5)


def others_cursors() -> dict[str, list[str]]:
    """By list."""
    client = api_client(make_user("keeper", is_superuser=True))
    found = {
        f"{noun} cursor": [
            client.get(f"/api/v1/catalog/{noun}s", {"page_size": size}).json()["next_cursor"]
            for size in PAGE_SIZES
        ]
        for noun in LISTS
    }
    lines = b"".join(client.get("/api/v1/catalog/export")).splitlines()
    told = [json.loads(line) for line in lines]
    return found | {
        "export cursor": [each["cursor"] for each in told if each["kind"] == "cursor"][:4]
    }
