"""The admin: one module an app, found by Django's autodiscovery.

They live here and not in the apps, since what they show is decided by `governance`, which stands above `catalog`.
"""

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.sites import AdminSite

from web.views.session import sign_in_for_admin, sign_out_for_admin

# Admins that libraries registered know nothing of the policy kernel.
for _model in [*admin.site._registry]:  # noqa: SLF001 - there is no public list
    admin.site.unregister(_model)
AdminSite.login = staticmethod(sign_in_for_admin)  # type: ignore[method-assign,assignment]
AdminSite.logout = staticmethod(sign_out_for_admin)  # type: ignore[method-assign,assignment]

from web.admin import (  # noqa: E402
    approval,
    audit,
    break_glass,
    campaigns,
    catalog,
    classification,
    governance,
    identity,
    policies,
    retention,
    reviews,
    simulations,
    storage,
    vocabulary,
    webhooks,
)

__all__ = [
    "approval",
    "audit",
    "break_glass",
    "campaigns",
    "catalog",
    "classification",
    "governance",
    "identity",
    "policies",
    "retention",
    "reviews",
    "simulations",
    "storage",
    "vocabulary",
    "webhooks",
]

for _app in ("ingestion", "processing", "serving"):
    if [*apps.get_app_config(_app).get_models()]:
        __import__(f"web.admin.{_app}")
