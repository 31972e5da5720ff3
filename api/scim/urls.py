"""Paths of SCIM 2.0, below `/scim/v2/`."""

from django.urls import path, re_path

from api.scim import discovery, search, views
from api.scim.requests import endpoint

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

urlpatterns = [
    path("Users", endpoint(GET=search.list_users, POST=views.create_user), name="scim-users"),
    path("Users/.search", endpoint(POST=search.search_users)),
    path(
        "Users/<str:key>",
        endpoint(
            GET=views.read_user,
            PUT=views.replace_user,
            PATCH=views.patch_user,
            DELETE=views.delete_user,
        ),
        name="scim-user",
    ),
    path("Groups", endpoint(GET=search.list_groups, POST=views.create_group), name="scim-groups"),
    path("Groups/.search", endpoint(POST=search.search_groups)),
    path(
        "Groups/<str:key>",
        endpoint(
            GET=views.read_group,
            PUT=views.replace_group,
            PATCH=views.patch_group,
            DELETE=views.delete_group,
        ),
        name="scim-group",
    ),
    path(".search", endpoint(POST=search.search_all)),
    path("ServiceProviderConfig", endpoint(GET=discovery.read_config), name="scim-config"),
    path("ResourceTypes", endpoint(GET=discovery.list_resource_types)),
    path("ResourceTypes/<str:name>", endpoint(GET=discovery.read_resource_type)),
    path("Schemas", endpoint(GET=discovery.list_schemas)),
    path("Schemas/<str:name>", endpoint(GET=discovery.read_schema)),
    path("Me", endpoint(**dict.fromkeys(METHODS, discovery.not_implemented))),
    path("Bulk", endpoint(POST=discovery.not_implemented)),
    re_path(
        r"^(?P<path>.*)$",
        endpoint(**dict.fromkeys(METHODS, discovery.not_offered)),
    ),
]
