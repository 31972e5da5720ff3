"""Pages for people."""

from django.urls import path

from web.views import (
    audit,
    break_glass,
    classifications,
    dataset,
    errors,
    home,
    identities,
    inbox,
    lineage,
    models,
    requests,
    search,
    second_factor,
    session,
    tokens,
)

app_name = "web"

urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in/", session.SignInView.as_view(), name="sign-in"),
    path("sign-in/code/", session.sign_in_code, name="sign-in-code"),
    path("sign-in/provider/", session.sign_in_with_provider, name="oidc-start"),
    path("sign-in/provider/back/", session.back_from_provider, name="oidc-callback"),
    path("identities/", identities.identities, name="identities"),
    path("identities/link/", identities.link, name="identity-link"),
    path("identities/<int:pk>/unlink/", identities.unlink, name="identity-unlink"),
    path("second-factor/", second_factor.second_factor, name="second-factor"),
    path("second-factor/codes/", second_factor.renew_codes, name="second-factor-codes"),
    path("second-factor/remove/", second_factor.remove, name="second-factor-remove"),
    path("sign-out/", session.SignOutView.as_view(), name="sign-out"),
    path("search/", search.search, name="search"),
    path("datasets/<uuid:uuid>/", dataset.dataset_page, name="dataset"),
    path(
        "datasets/<uuid:uuid>/classifications/",
        classifications.decide_labels,
        name="classifications",
    ),
    path("datasets/<uuid:uuid>/lineage/", lineage.lineage_page, name="lineage"),
    path("datasets/<uuid:uuid>/request/", requests.request_new, name="request-new"),
    path("datasets/<uuid:uuid>/break-glass/", break_glass.break_dataset, name="break-glass-new"),
    path("break-glass/", break_glass.breakings, name="break-glass"),
    path("break-glass/<uuid:uuid>/", break_glass.review, name="break-glass-review"),
    path("requests/", requests.request_list, name="requests"),
    path("requests/<uuid:uuid>/withdraw/", requests.request_withdraw, name="request-withdraw"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/<uuid:uuid>/", inbox.decide, name="decide"),
    path("models/", models.model_list, name="models"),
    path("models/<uuid:uuid>/", models.model_page, name="model"),
    path("tokens/", tokens.token_list, name="tokens"),
    path("tokens/<int:pk>/revoke/", tokens.token_revoke, name="token-revoke"),
    path("audit/", audit.audit_log, name="audit"),
    path("docs/errors", errors.error_codes, name="error-codes"),
]
