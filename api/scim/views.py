"""Users and groups: read, made, changed and removed (RFC 7644 §3.3 to §3.6)."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from scim2_models import Context, NotFoundException, PatchOp

from api.scim import schemas
from api.scim.rendering import (
    GROUP_PREFIX,
    USER_PREFIX,
    groups,
    key_of,
    read_person,
    read_team,
    render_group,
    render_user,
    users,
)
from api.scim.requests import (
    actor_of,
    is_known,
    read_object,
    require_match,
    scim_response,
)
from api.scim.search import parameters_of
from governance.services.grants import revoke_grants_of
from identity.models import User
from identity.services import provisioning as services

NO_CONTENT, NOT_MODIFIED, CREATED = 204, 304, 201
REMOVED = "removed by the identity provider"


def read_user(request: HttpRequest, key: str) -> HttpResponse:
    return _shown(request, render_user(_find(users(), key, USER_PREFIX)))


def read_group(request: HttpRequest, key: str) -> HttpResponse:
    return _shown(request, render_group(_find(groups(), key, GROUP_PREFIX)))


@transaction.atomic
def create_user(request: HttpRequest) -> HttpResponse:
    wanted = _created(request, schemas.EXTENDED_USER)
    user = services.provision_user(actor=actor_of(request), person=read_person(wanted))
    return _answer(request, render_user(users().get(pk=user.pk)), status=CREATED)


@transaction.atomic
def create_group(request: HttpRequest) -> HttpResponse:
    wanted = _created(request, schemas.Group)
    group = services.provision_group(actor=actor_of(request), team=read_team(wanted))
    return _answer(request, render_group(groups().get(pk=group.pk)), status=CREATED)


@transaction.atomic
def replace_user(request: HttpRequest, key: str) -> HttpResponse:
    user, current = _locked_user(request, key)
    wanted = _replaced(request, schemas.EXTENDED_USER, current)
    return _write_user(request, user, current, wanted)


@transaction.atomic
def patch_user(request: HttpRequest, key: str) -> HttpResponse:
    user, current = _locked_user(request, key)
    return _write_user(request, user, current, _patched(request, schemas.EXTENDED_USER, current))


@transaction.atomic
def replace_group(request: HttpRequest, key: str) -> HttpResponse:
    group, current = _locked_group(request, key)
    wanted = _replaced(request, schemas.Group, current)
    return _write_group(request, group, current, wanted)


@transaction.atomic
def patch_group(request: HttpRequest, key: str) -> HttpResponse:
    group, current = _locked_group(request, key)
    return _write_group(request, group, current, _patched(request, schemas.Group, current))


@transaction.atomic
def delete_user(request: HttpRequest, key: str) -> HttpResponse:
    user, _ = _locked_user(request, key)
    revoke_grants_of(user, actor=actor_of(request), reason=REMOVED)
    services.remove_user(actor=actor_of(request), user=user)
    return HttpResponse(status=NO_CONTENT)


@transaction.atomic
def delete_group(request: HttpRequest, key: str) -> HttpResponse:
    group, _ = _locked_group(request, key)
    revoke_grants_of(group, actor=actor_of(request), reason=REMOVED)
    services.remove_group(actor=actor_of(request), group=group)
    return HttpResponse(status=NO_CONTENT)


def _find(rows: QuerySet[Any], key: str, prefix: str) -> Any:
    number = key_of(key, prefix)
    found = None if number is None else rows.filter(pk=number).first()
    if found is None:
        raise NotFoundException(detail="there is no such resource")
    return found


def _locked_user(request: HttpRequest, key: str) -> tuple[User, Any]:
    """The user and its resource, of the version that the caller means; nobody else changes it meanwhile."""
    user: User = _find(users().select_for_update(of=("self",)), key, USER_PREFIX)
    current = render_user(user)
    require_match(request, current.meta.version)
    return user, current


def _locked_group(request: HttpRequest, key: str) -> tuple[Group, Any]:
    group: Group = _find(groups().select_for_update(of=("self",)), key, GROUP_PREFIX)
    current = render_group(group)
    require_match(request, current.meta.version)
    return group, current


def _write_user(request: HttpRequest, user: User, current: Any, wanted: Any) -> HttpResponse:
    before, after = read_person(current), read_person(wanted)
    services.change_user(actor=actor_of(request), user=user, before=before, after=after)
    return _answer(request, render_user(users().get(pk=user.pk)))


def _write_group(request: HttpRequest, group: Group, current: Any, wanted: Any) -> HttpResponse:
    before, after = read_team(current), read_team(wanted)
    services.change_group(actor=actor_of(request), group=group, before=before, after=after)
    return _answer(request, render_group(groups().get(pk=group.pk)))


def _created(request: HttpRequest, model: Any) -> Any:
    return model.model_validate(read_object(request), scim_ctx=Context.RESOURCE_CREATION_REQUEST)


def _replaced(request: HttpRequest, model: Any, current: Any) -> Any:
    wanted = model.model_validate(
        read_object(request), scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST
    )
    wanted.replace(current)
    if model is schemas.EXTENDED_USER and "active" not in wanted.model_fields_set:
        # What is left out must not let somebody in again.
        wanted.active = current.active
    return wanted


def _patched(request: HttpRequest, model: Any, current: Any) -> Any:
    operations = PatchOp[model].model_validate(
        read_object(request), scim_ctx=Context.RESOURCE_PATCH_REQUEST
    )
    wanted = current.model_copy(deep=True)
    operations.patch(wanted)
    return wanted


def _shown(request: HttpRequest, resource: Any) -> HttpResponse:
    if is_known(request, resource.meta.version):
        response = HttpResponse(status=NOT_MODIFIED)
        response["ETag"] = resource.meta.version
        return response
    return _answer(request, resource, context=Context.RESOURCE_QUERY_RESPONSE)


_CONTEXTS: Mapping[str, Context] = {
    "POST": Context.RESOURCE_CREATION_RESPONSE,
    "PUT": Context.RESOURCE_REPLACEMENT_RESPONSE,
    "PATCH": Context.RESOURCE_PATCH_RESPONSE,
}


def _answer(
    request: HttpRequest, resource: Any, *, status: int = 200, context: Context | None = None
) -> HttpResponse:
    kind = context or _CONTEXTS[request.method or ""]
    asked = parameters_of(request, type(resource))
    document = resource.model_dump(scim_ctx=kind, response_parameters=asked)
    response = scim_response(document, status=status)
    response["ETag"] = resource.meta.version
    if status == CREATED:
        response["Location"] = str(resource.meta.location)
    return response
