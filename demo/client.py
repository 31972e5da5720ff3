"""A small client of the public API: a person signs in with a password, a program uses a token."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import requests

TIMEOUT = 60
RESTART_SECONDS = 90
REPEATABLE = {"GET", "HEAD", "PUT", "DELETE"}


class ApiError(SystemExit):
    """The API refused; the message is the problem's own."""

    def __init__(self, response: requests.Response) -> None:
        try:
            self.problem = response.json()
        except ValueError:
            self.problem = {"detail": response.text[:300]}
        self.status = response.status_code
        request = response.request
        super().__init__(f"{request.method} {request.path_url}: {self.status} {self.problem}")


class Api:
    """Requests as one principal."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.session = requests.Session()
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    @classmethod
    def sign_in(
        cls, url: str, username: str, password: str, *, scopes: Sequence[str] = ("read", "write")
    ) -> Self:
        """Sign in as a person does, and make a token for this run by the API."""
        person = cls(url)
        page = person.call("GET", "/sign-in/")
        page.raise_for_status()
        answer = person.call(
            "POST",
            "/sign-in/",
            data={
                "username": username,
                "password": password,
                "csrfmiddlewaretoken": person.csrf(),
            },
            headers={"Referer": person.url},
            allow_redirects=False,
        )
        if answer.status_code != requests.codes.found:
            raise ApiError(answer)
        made = person.post(
            "/api/v1/tokens",
            {"name": "demo", "scopes": list(scopes), "days": 1},
            headers={
                "X-CSRFToken": person.csrf(),
                "Referer": person.url,
            },
        )
        return cls(url, made["token"])

    def csrf(self) -> str:
        """The session's CSRF token, which a form sends back."""
        return self.session.cookies.get("csrftoken") or ""

    def call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Send and return the response whatever its status.

        A web server that is being restarted is waited for: a request that was not sent is sent again, and one that
        broke off as well if repeating it is harmless (RFC 9110 §9.2.2).
        """
        deadline = time.monotonic() + RESTART_SECONDS
        while True:
            try:
                return self.session.request(method, self.url + path, timeout=TIMEOUT, **kwargs)
            except requests.ConnectionError as error:
                unsent = "refused" in str(error) or "NewConnectionError" in str(error)
                if time.monotonic() > deadline or not (unsent or method in REPEATABLE):
                    raise SystemExit(
                        f"{method} {path}: the connection broke off; run the demo again, it goes on "
                        "from where it was"
                    ) from error
                time.sleep(1)

    def get(self, path: str, **params: Any) -> Any:
        response = self.call("GET", path, params=params)
        if not response.ok:
            raise ApiError(response)
        return response.json()

    def post(self, path: str, body: Any = None, *, headers: dict[str, str] | None = None) -> Any:
        response = self.call("POST", path, json=body if body is not None else {}, headers=headers)
        if not response.ok:
            raise ApiError(response)
        return response.json() if response.content else None

    def patch(self, path: str, body: Any) -> Any:
        response = self.call("PATCH", path, json=body)
        if not response.ok:
            raise ApiError(response)
        return response.json()

    def put(self, path: str, body: Any = None) -> Any:
        response = self.call("PUT", path, json=body if body is not None else {})
        if not response.ok:
            raise ApiError(response)
        return response.json() if response.content else None

    def create(self, path: str, body: Any) -> Any:
        """POST, where 409 (it is there from an earlier run) is fine; returns the answer or None."""
        response = self.call("POST", path, json=body)
        if response.status_code == requests.codes.conflict:
            return None
        if not response.ok:
            raise ApiError(response)
        return response.json()

    def items(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """All items of a paged list."""
        rows: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self.get(path, **params, **({"cursor": cursor} if cursor else {}))
            rows += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return rows


def wait_until(
    question: Callable[[], Any], *, seconds: float, what: str, every: float = 0.5
) -> Any:
    """Ask until the answer is true and return it; SystemExit names `what` was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        # A response counts as an answer whatever its status: `requests` makes errors falsy.
        if isinstance(answer, requests.Response) or answer:
            return answer
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {seconds:.0f} s for {what}")
        time.sleep(every)
