"""Which account signs in, for what an OpenID Connect provider says of a person."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet

from core import audit
from core.clock import utc_now
from core.errors import ConflictError, NotFoundError
from identity.models import ExternalIdentity, User
from identity.oidc import SignInFailedError, config
from identity.queries import people
from identity.services.accounts import save_new, set_groups

logger = structlog.get_logger(__name__)

MAX_NAME = 150
MAX_ADDRESS = 254
ACTOR = "oidc"


@transaction.atomic
def sign_in_external(claims: Mapping[str, Any]) -> User:
    """The account of these claims, which must have been verified; its mapped groups become what they say.

    An account is found by issuer and subject; the first time by the external id that SCIM has given it; else it is made,
    where the settings say so. Names and addresses link nothing: a provider's users may choose them.
    Raises SignInFailedError where there is no account, or where it is not active.
    """
    user = _known(claims) or _link(claims) or _make(claims)
    if not user.is_active or user.is_service:
        raise SignInFailedError("there is no account here that you may use")
    _identities(claims).update(last_used_at=utc_now())
    _map_groups(user, claims)
    return user


@transaction.atomic
def link_external(user: User, claims: Mapping[str, Any]) -> None:
    """Let the person of these claims, which must have been verified, sign in as `user`; again changes nothing.

    Who `user` is must have been confirmed before. Raises ConflictError where they sign in as another account.
    """
    found = _identities(claims).first()
    if found is not None and found.user_id != user.pk:
        raise ConflictError("this person of the identity provider has another account here")
    if found is None:
        _remember(user, claims, actor=user.username)


@transaction.atomic
def unlink_external(identity: ExternalIdentity, *, user: User) -> None:
    """Take the way in through the provider away from the user's account, which must have another one.

    Raises NotFoundError for another's, ConflictError where nothing else would let the user in.
    """
    row = ExternalIdentity.objects.select_for_update().filter(pk=identity.pk, user=user).first()
    if row is None:
        raise NotFoundError("there is no such identity")
    if not user.has_usable_password():
        raise ConflictError("without a password you could not sign in any more")
    told = {"issuer": row.issuer, "subject": row.subject}
    row.delete()
    audit.record(
        actor=user.username,
        action="user.unlink-identity",
        resource=f"user:{user.username}",
        payload=told,
    )


def _known(claims: Mapping[str, Any]) -> User | None:
    found = _identities(claims).select_related("user").first()
    return found.user if found else None


def _identities(claims: Mapping[str, Any]) -> QuerySet[ExternalIdentity]:
    """The one that these claims are of, if it is known: by issuer and subject."""
    return ExternalIdentity.objects.filter(issuer=config().issuer, subject=str(claims["sub"]))


def _link(claims: Mapping[str, Any]) -> User | None:
    """The one account that the identity provider's SCIM client has made with this external id."""
    external_id = str(claims.get(config().link_claim) or "")
    if not external_id:
        return None
    found = list(people().filter(provisioned__external_id=external_id)[:2])
    if len(found) != 1:
        return None
    _remember(found[0], claims)
    return found[0]


def _make(claims: Mapping[str, Any]) -> User:
    username = str(claims.get(config().username_claim) or "")
    if not config().create_users or not username:
        raise SignInFailedError("there is no account here that you may use")
    if User.objects.filter(username__iexact=username).exists():
        # Somebody else's: that the provider calls them the same proves nothing.
        raise SignInFailedError("there is no account here that you may use")
    user = User(
        username=username,
        first_name=str(claims.get("given_name") or "")[:MAX_NAME],
        last_name=str(claims.get("family_name") or "")[:MAX_NAME],
        email=_verified_address(claims),
    )
    user.set_unusable_password()
    user.full_clean(validate_unique=False)
    try:
        save_new(user, f"user `{username}`")
    except ConflictError:
        raise SignInFailedError("there is no account here that you may use") from None
    audit.record(
        actor=ACTOR, action="user.create", resource=f"user:{username}", payload=_told(claims)
    )
    _remember(user, claims)
    return user


def _remember(user: User, claims: Mapping[str, Any], *, actor: str = ACTOR) -> None:
    ExternalIdentity.objects.create(user=user, issuer=config().issuer, subject=str(claims["sub"]))
    audit.record(
        actor=actor,
        action="user.link-identity",
        resource=f"user:{user.username}",
        payload=_told(claims),
    )


def _told(claims: Mapping[str, Any]) -> dict[str, str]:
    return {"issuer": config().issuer, "subject": str(claims["sub"])}


def _verified_address(claims: Mapping[str, Any]) -> str:
    address = str(claims.get("email") or "")
    return address if claims.get("email_verified") is True and len(address) <= MAX_ADDRESS else ""


def _map_groups(user: User, claims: Mapping[str, Any]) -> None:
    """Put the user into the mapped groups that the claim names and out of the others; what is not mapped stays."""
    wanted = config()
    if wanted.groups_claim is None:
        return
    given = claims.get(wanted.groups_claim)
    names = {str(each) for each in given} if isinstance(given, list) else set()
    mapped = set(wanted.groups.values())
    named = {ours for theirs, ours in wanted.groups.items() if theirs in names}
    existing = set(Group.objects.filter(name__in=mapped).values_list("name", flat=True))
    if missing := mapped - existing:
        logger.warning("mapped groups do not exist", groups=sorted(missing))
    current = set(user.groups.values_list("name", flat=True))
    after = (current - mapped) | (named & existing)
    if after != current:
        set_groups(actor=ACTOR, user=user, groups=after)
