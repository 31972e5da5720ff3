"""A real Chromium, as Debian installs it, and the people who walk through the pages with it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.factories.identity import PASSWORD

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory) -> Iterator[Chrome]:
    if not (shutil.which(CHROMIUM) and shutil.which(DRIVER)):
        pytest.skip("Debian's packages `chromium` and `chromium-driver` are not installed")
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService(DRIVER))
    yield driver
    driver.quit()


class Walker:
    """One person at the browser. Each page that is opened must have a title, one h1, and a quiet console."""

    def __init__(self, driver: Chrome, base: str, shots: Path | None) -> None:
        self.driver, self.base, self.shots = driver, base, shots

    def sign_in(self, username: str) -> None:
        self.driver.delete_all_cookies()
        self.open("/sign-in/")
        self.type("id_username", username)
        self.type("id_password", PASSWORD)
        self.press("Sign in")

    def open(self, path: str) -> None:
        self.driver.get(self.base + path)
        self.check_page()

    def type(self, element_id: str, text: str) -> None:
        field = self.driver.find_element(By.ID, element_id)
        field.clear()
        field.send_keys(text)

    def press(self, text: str) -> None:
        """Press the button, or else follow the link, that reads `text`, and wait for the next page."""
        before = self.driver.find_element(By.TAG_NAME, "html")
        found = [
            element
            for tag in ("button", "a")
            for element in self.driver.find_elements(
                By.XPATH, f"//{tag}[normalize-space()='{text}']"
            )
        ]
        found[0].click()
        self.wait(before)

    def wait(self, before) -> None:
        def has_new_page(driver) -> bool:
            now = driver.find_elements(By.TAG_NAME, "html")
            ready = driver.execute_script("return document.readyState") == "complete"
            return bool(now) and now[0] != before and ready

        WebDriverWait(self.driver, 20).until(has_new_page)
        self.check_page()

    def check_page(self) -> None:
        assert self.driver.title, "a page has a title"
        headings = self.driver.find_elements(By.TAG_NAME, "h1")
        assert len(headings) == 1, f"{self.driver.current_url} has {len(headings)} h1"
        errors = [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE" and "status of 40" not in entry["message"]
        ]
        assert errors == []

    @property
    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "main").text

    @property
    def page(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def sample(self) -> list[list[str]]:
        """The sample table as text, header first."""
        rows = self.driver.find_elements(By.CSS_SELECTOR, "#sample tr")
        return [
            [cell.text for cell in row.find_elements(By.CSS_SELECTOR, "th, td")] for row in rows
        ]

    def shoot(self, name: str) -> None:
        """Keep a picture of the page where LAKEWARDEN_TEST_SCREENSHOTS names a folder."""
        if self.shots is not None:
            height = self.driver.execute_script("return document.documentElement.scrollHeight")
            self.driver.set_window_size(1280, min(max(height + 120, 900), 4000))
            self.driver.save_screenshot(str(self.shots / f"{name}.png"))
            self.driver.set_window_size(1280, 900)

    def shoot_as_is(self, name: str) -> None:
        """The same in the size that the screen has now."""
        if self.shots is not None:
            self.driver.save_screenshot(str(self.shots / f"{name}.png"))


@pytest.fixture(scope="session", autouse=True)
def _connections_end_with_their_request() -> None:
    """The live server's threads would keep theirs, and the test database could not be dropped at the end."""
    connections.settings["default"]["CONN_MAX_AGE"] = 0


@pytest.fixture
def walker(chromium, live_server) -> Walker:
    folder = os.environ.get("LAKEWARDEN_TEST_SCREENSHOTS")
    shots = Path(folder) if folder else None
    if shots is not None:
        shots.mkdir(parents=True, exist_ok=True)
    return Walker(chromium, live_server.url, shots)
