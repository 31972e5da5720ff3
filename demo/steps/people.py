"""Domains, people and service accounts: who answers for what, and who may do what from the start."""

import secrets
from typing import Any

from demo.client import Api
from demo.progress import say
from demo.world import (
    ANALYST,
    INGEST_SERVICE,
    OUTSIDER,
    SCIENTIST,
    SPARK_SERVICE,
    STEWARD,
    World,
)

DOMAIN = "flight-operations"
PEOPLE_DOMAIN = "passengers"
MODELS_DOMAIN = "models"
GROUPS = ("stewards", "analysts", "ml-engineers")
PEOPLE: tuple[dict[str, Any], ...] = (
    {"username": STEWARD, "groups": ["stewards"], "is_staff": True},
    {"username": ANALYST, "groups": ["analysts"], "attributes": {"region": "EWR"}},
    {"username": SCIENTIST, "groups": ["ml-engineers"]},
    {"username": OUTSIDER, "groups": []},
)
# Namespaces of the Iceberg catalog; what is made in one is in its domain.
NAMESPACES = {
    "raw": DOMAIN,
    "files": DOMAIN,
    "curated": DOMAIN,
    "features": DOMAIN,
    "people": PEOPLE_DOMAIN,
}


def run(world: World) -> None:
    """Make what is not there yet; a second run finds it all and changes only the passwords' place of printing."""
    admin = world.admin
    for name in GROUPS:
        admin.create("/api/v1/groups", {"name": name})
    _make_people(world)
    admin.create("/api/v1/catalog/domains", {"name": "Flight operations"})
    admin.create("/api/v1/catalog/domains", {"name": "Passengers", "parent": DOMAIN})
    admin.create("/api/v1/catalog/domains", {"name": "Models", "parent": DOMAIN})
    admin.put(f"/api/v1/catalog/domains/{DOMAIN}/stewards/groups/stewards")
    for namespace, domain in NAMESPACES.items():
        admin.create(
            "/iceberg/v1/namespaces",
            {"namespace": [namespace], "properties": {"lakewarden.domain": domain}},
        )
    _grant_from_the_start(admin)
    say(f"{len(GROUPS)} groups, {len(PEOPLE)} people, 2 service accounts, 3 domains")


def _make_people(world: World) -> None:
    for person in PEOPLE:
        name = person["username"]
        password = _known_password(world, name)
        made = world.admin.create("/api/v1/users", {**person, "password": password})
        if made is not None:
            _keep_password(world, name, password)
        world.passwords[name] = password
        # Policies and grants are administration, which a token does only if it says so.
        scopes = ("read", "write", "admin") if name == STEWARD else ("read", "write")
        world.people[name] = Api.sign_in(world.url, name, password, scopes=scopes)
    for name in (INGEST_SERVICE, SPARK_SERVICE):
        world.admin.create("/api/v1/users", {"username": name, "is_service": True})


def _known_password(world: World, name: str) -> str:
    """The password of an earlier run with this installation, or a new one."""
    kept = _password_file(world, name)
    return kept.read_text() if kept.exists() else secrets.token_urlsafe(12)


def _keep_password(world: World, name: str, password: str) -> None:
    file = _password_file(world, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(password)


def _password_file(world: World, name: str) -> Any:
    return world.state / "passwords" / name


def _grant_from_the_start(admin: Api) -> None:
    """Programs may write where they work; analysts and engineers may see what exists."""
    wanted = [
        ({"user": INGEST_SERVICE}, DOMAIN, "write"),
        ({"user": SPARK_SERVICE}, DOMAIN, "write"),
        ({"user": SPARK_SERVICE}, DOMAIN, "read"),
        ({"group": "analysts"}, DOMAIN, "discover"),
        ({"group": "ml-engineers"}, DOMAIN, "discover"),
        ({"group": "ml-engineers"}, MODELS_DOMAIN, "write"),
    ]
    held = {
        (str(grant["subject"]), domain, grant["action"])
        for domain in (DOMAIN, MODELS_DOMAIN)
        for grant in admin.get("/api/v1/grants", domain=domain)
    }
    for subject, domain, action in wanted:
        if (str(subject), domain, action) not in held:
            admin.post("/api/v1/grants", {**subject, "domain": domain, "action": action})
