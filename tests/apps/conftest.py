"""A browser that tries the server's page as a person would, and helpers of the verbs' tests."""

import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from apps.common import cli


class Visitor:
    """Opens the page, gives a model something and reads what comes.

    Args:
        driver: of Chromium.
        downloads: folder where it puts files.
    """

    def __init__(self, driver, downloads):
        self.driver, self.downloads = driver, downloads

    def open(self, url):
        """The page of a server."""
        self.driver.get(f"{url}/")
        self.until(lambda: self.all("main section") or self.all(".error"))

    def all(self, selector):
        """The elements of the page that a CSS selector names."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        """What stands in them."""
        return [element.text for element in self.all(selector)]

    def ask(self, given, field="textarea"):
        """Gives a text, or files by their paths, to the only model of the page, and waits for the answer."""
        (box,) = self.all(f"main section {field}")
        box.clear()
        box.send_keys(str(given))
        self.submit()

    def submit(self):
        """Asks with what has been given."""
        (button,) = self.all("main section button[type=submit]")
        button.click()
        self.until(lambda: button.is_enabled() and (self.all(".error") or self.all(".same pre")))

    def download(self, name):
        """The content of a file that a link of this name gives."""
        file = self.downloads / name
        file.unlink(missing_ok=True)
        self.driver.find_element(By.LINK_TEXT, name).click()
        self.until(file.exists)
        return file.read_bytes()

    def run(self, script, *arguments):
        """What a piece of JavaScript returns on the page."""
        return self.driver.execute_script(f"return {script}", *arguments)

    def complaints(self):
        """What the browser says of the page's own mistakes."""
        return [entry["message"] for entry in self.driver.get_log("browser") if "status of 4" not in entry["message"]]

    def until(self, condition):
        """Waits for a condition."""
        WebDriverWait(self.driver, 60).until(lambda driver: condition())


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("no Chromium with its driver on this machine (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    # Root may not use Chromium's sandbox; small /dev/shm of containers make it crash.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1000,1400"):
        options.add_argument(argument)
    downloads = tmp_path_factory.mktemp("downloads")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    driver = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield driver, downloads
    driver.quit()


@pytest.fixture
def visitor(chromium):
    """A `Visitor` whose page must have made no mistake."""
    visitor = Visitor(*chromium)
    yield visitor
    assert visitor.complaints() == []


@pytest.fixture
def run():
    """Function that runs a verb with arguments of any type."""
    return lambda verb, *arguments: cli.run(verb, [str(argument) for argument in arguments])


@pytest.fixture
def few_resamples(monkeypatch):
    """Intervals of metrics from few resamples, which take less time."""
    for app in ("spam_detector", "sentiment_classifier"):
        monkeypatch.setattr(f"apps.{app}.metrics.RESAMPLES", 50)
