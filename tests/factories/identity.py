"""Users, groups, tokens, and the three actors of every permission test."""

import itertools
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import Group
from django.test import Client

from identity.models import User
from identity.services import issue_token

_numbers = itertools.count(1)
ALL_SCOPES = ("read", "write", "lineage", "admin")
PASSWORD = "correct horse battery staple"


def make_user(username: str | None = None, *, groups=(), **kwargs) -> User:
    """A user with PASSWORD; `groups` are Group objects or names."""
    user = User.objects.create_user(
        username=username or f"user{next(_numbers)}", password=PASSWORD, **kwargs
    )
    user.groups.set([g if isinstance(g, Group) else make_group(g) for g in groups])
    return user


def make_service(username: str | None = None, **kwargs) -> User:
    """A service account: no password."""
    user = User(username=username or f"service{next(_numbers)}", is_service=True, **kwargs)
    user.set_unusable_password()
    user.save()
    return user


def make_group(name: str | None = None) -> Group:
    return Group.objects.get_or_create(name=name or f"group{next(_numbers)}")[0]


def make_token(user: User, *, scopes=ALL_SCOPES, days: float = 1, issuer=None) -> str:
    """The text of a new token of `user`, made by `issuer` or by themselves."""
    terms = {"scopes": scopes, "lifetime": timedelta(days=days), "issuer": issuer}
    return issue_token(user=user, name="test", **terms)[1]


def api_client(user: User, *, scopes=ALL_SCOPES) -> Client:
    """A client that sends a bearer token of `user` with every request."""
    return Client(headers={"Authorization": f"Bearer {make_token(user, scopes=scopes)}"})


def page_client(user: User) -> Client:
    """A client with a session of `user`, with CSRF checks on, as a browser has."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@dataclass(frozen=True)
class Actors:
    """`owner` owns what is tested, `team_mate` shares a group with the owner, `outsider` shares nothing."""

    owner: User
    team_mate: User
    outsider: User
    team: Group


def make_actors() -> Actors:
    team = make_group()
    return Actors(
        owner=make_user(groups=[team]),
        team_mate=make_user(groups=[team]),
        outsider=make_user(),
        team=team,
    )
