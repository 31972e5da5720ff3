"""Sign-in with a count of failures. The pages and the admin share this one door."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from web.lockout import count_failure, forget_failures, is_locked_out

LOCKED_OUT = "too many failed attempts; try again in 15 minutes"


class SignInForm(AuthenticationForm):
    """Django's form, which also refuses while the account or the address is locked out."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "the name or the password is wrong",
    }
    username = forms.CharField(
        label="Name",
        max_length=150,
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )

    def clean(self) -> dict[str, Any]:
        """Check the lock before the password: a locked door costs no password hash and tells nothing."""
        username = self.cleaned_data.get("username") or ""
        # The peer's own address: forwarded headers can be written by anybody.
        address = self.request.META.get("REMOTE_ADDR", "") if self.request else ""
        if is_locked_out(username=username, address=address):
            raise ValidationError(LOCKED_OUT, code="locked-out")
        try:
            cleaned = super().clean()
        except ValidationError:
            count_failure(username=username, address=address)
            raise
        if self.get_user() is not None:
            forget_failures(username=username, address=address)
        return cleaned
