"""Sign-in with a count of failures. The pages and the admin share this one door."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from web.guessing import LOCKED_OUT, address_of, note_failure
from web.lockout import forget_failures, is_locked_out


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
        address = address_of(self.request)
        if is_locked_out(username=username, address=address):
            raise ValidationError(LOCKED_OUT, code="locked-out")
        try:
            cleaned = super().clean()
        except ValidationError:
            note_failure(username, address=address)
            raise
        if self.get_user() is not None:
            forget_failures(username=username, address=address)
        return cleaned
