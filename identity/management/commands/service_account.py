"""`manage.py service_account list|own|rotate|revoke|deactivate`: accounts of programs and who answers for them."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import Group
from django.core.management.base import CommandError

from core.errors import LakewardenError
from identity.management.acting import ActingCommand
from identity.models import ApiToken, User
from identity.queries import orphaned_accounts, service_accounts
from identity.services.service_accounts import (
    deactivate_account,
    find_account,
    revoke_account_token,
    rotate_token,
    set_owner,
)


class Command(ActingCommand):
    help = "List service accounts, name their owners, change or end their tokens."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="each account with its owners and tokens")
        listing.add_argument("--orphaned", action="store_true", help="only whose owners have left")
        for verb, text in (
            ("own", "let --user or --group answer for the account"),
            ("rotate", "print a new text for the token, and revoke the old one"),
            ("revoke", "revoke the token"),
            ("deactivate", "end the account and all its tokens"),
        ):
            each = verbs.add_parser(verb, help=text)
            each.add_argument("account")
            each.add_argument("--by", required=True, help="the user in whose name it is done")
            if verb == "own":
                each.add_argument("--user")
                each.add_argument("--group")
            elif verb in ("rotate", "revoke"):
                each.add_argument("token", type=int, help="its number, as `list` shows it")

    def handle(self, *args: Any, **options: Any) -> None:
        verb = options["verb"]
        if verb == "list":
            self._list(orphaned=options["orphaned"])
            return
        by = _find(User, "username", options["by"])
        try:
            account = find_account(options["account"], by=by)
            getattr(self, f"_{verb}")(account, by, options)
        except LakewardenError as error:
            raise CommandError(error.message) from error

    def _list(self, *, orphaned: bool) -> None:
        for row in (orphaned_accounts() if orphaned else service_accounts()).order_by("username"):
            owners = ", ".join(
                str(each) for each in (row.responsible, row.responsible_group) if each
            )
            state = "active" if row.is_active else "inactive"
            self.stdout.write(f"{row.username} ({state}): {owners or 'nobody'}")
            for token in row.tokens.all():
                until = "revoked" if token.revoked_at else f"until {token.expires_at:%Y-%m-%d}"
                self.stdout.write(f"  token {token.pk} {token.name} {until}")

    def _own(self, account: User, by: User, options: dict[str, Any]) -> None:
        user = _find(User, "username", options["user"]) if options["user"] else None
        group = _find(Group, "name", options["group"]) if options["group"] else None
        set_owner(account, by=by, responsible=user, group=group)

    def _rotate(self, account: User, by: User, options: dict[str, Any]) -> None:
        self.stdout.write(rotate_token(_token(account, options["token"]), by=by)[1])

    def _revoke(self, account: User, by: User, options: dict[str, Any]) -> None:
        revoke_account_token(_token(account, options["token"]), by=by)

    def _deactivate(self, account: User, by: User, options: dict[str, Any]) -> None:
        del options
        deactivate_account(account, by=by)


def _find(model: Any, field: str, name: str) -> Any:
    found = model.objects.filter(**{field: name}).first()
    if found is None:
        raise CommandError(f"there is no {model._meta.verbose_name} `{name}`")  # noqa: SLF001 - Django's documented Model _meta API
    return found


def _token(account: User, key: int) -> ApiToken:
    found = ApiToken.objects.filter(user=account, pk=key).first()
    if found is None:
        raise CommandError("there is no such token")
    return found
