from __future__ import annotations

import os
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fleet import fleet, repository
from front_ends import LEAKING, leaking_file, leaklint

from leaklint.fleet.page import REPOSITORY_COLUMNS

HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


class Page(HTMLParser):
    """What a browser would make of a page: its elements with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The page of a run over an ordinary repository, a hostile one and a missing one."""
    code = LEAKING.replace('_r{index}"', "_r{index}" + HOSTILE.replace('"', "'") + '"')
    code = code.replace("self._get_client(key).send(row)", f"self._get_client(key).send(row)  # {HOSTILE}")
    repository(tmp_path / "ordinary", {f"file{number}.py": LEAKING for number in (10, 9)})
    name = "<b>&'x.py" if os.name == "nt" else HOSTILE.replace("/", "") + ".py"
    repository(tmp_path / "hostile", {name: code, "broken<i>.py": "def\n"})
    fleet("ordinary", "hostile", "missing<u>", cwd=tmp_path)
    return tmp_path / "leaklint-fleet" / "index.html"


def test_the_page_loads_nothing_and_escapes_everything(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    seen = Page(text)
    tags = [tag for tag, _ in seen.elements]
    assert tags.count("script") == 1
    assert not {"img", "b", "i", "u", "link", "iframe"} & set(tags)
    for _, attributes in seen.elements:
        assert not {"src", "href", "srcset", "action"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    assert "http://" not in text
    assert "https://" not in text
    policy = next(attributes["content"] for _, attributes in seen.elements if "http-equiv" in attributes)
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")


def test_the_page_shows_every_finding_with_code_and_trace(page: Path) -> None:
    seen = Page(page.read_text(encoding="utf-8"))
    assert sum(tag == "details" for tag, _ in seen.elements) == 4
    for words in ("file9.py:15:23", "is built here", "only `state_id`", "broken<i>.py:1:4", "no such repository"):
        assert words in seen.words
    assert "   15                  key = f" in seen.words
    assert f"# {HOSTILE}" in seen.words


def test_what_is_known_is_counted_and_what_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "known").mkdir()
    leaking_file(tmp_path / "known")
    leaklint("check", "--write-baseline", "baseline.json", ".", cwd=tmp_path / "known")
    baseline = (tmp_path / "known" / "baseline.json").read_text()
    settings = '[tool.leaklint]\nbaseline = "baseline.json"\n'
    mended = LEAKING.replace("_r{index}", "_r").replace('f"{state_id}_r"', "state_id")
    for name, code in (("known", LEAKING), ("mended", mended)):
        files = {"leaking.py": code, "baseline.json": baseline, "pyproject.toml": settings}
        repository(tmp_path / "run" / name, files)
    fleet("known", "mended", cwd=tmp_path / "run")
    seen = Page((tmp_path / "run" / "leaklint-fleet" / "index.html").read_text(encoding="utf-8"))
    cells = [attributes.get("data-sort") for tag, attributes in seen.elements if tag == "td"]
    columns = len(REPOSITORY_COLUMNS)
    rows = [cells[start : start + columns] for start in (0, columns)]
    known = REPOSITORY_COLUMNS.index("known")
    assert [(row[known], row[-1]) for row in rows] == [("1", "done"), ("0", "1 of the baseline gone")]
    assert "LKL101 in leaking.py" in seen.words


def browser():  # type: ignore[no-untyped-def]
    """Chromium without a window; the tests are skipped where it is not installed (chromium and chromium-driver)."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("there is no Chromium with its driver on this machine (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    return webdriver.Chrome(options=options, service=service)


def test_the_page_sorts_in_a_browser(page: Path) -> None:
    with browser() as chromium:
        chromium.get(page.as_uri())
        assert chromium.title.startswith("leaklint ")

        def column(table: str, number: int) -> list[str]:
            cells = chromium.find_elements("css selector", f"#{table} tbody tr td:nth-child({number})")
            return [cell.text for cell in cells]

        place = chromium.find_elements("css selector", "#findings thead button")[2]
        place.click()
        ascending = column("findings", 3)
        assert [text for text in ascending if text.startswith("file")] == ["file9.py:15:23", "file10.py:15:23"]
        place.click()
        assert column("findings", 3) == ascending[::-1]
        files = chromium.find_elements("css selector", "#repositories thead button")[2]
        files.click()
        assert column("repositories", 3) == ["0", "2", "2"]
        details = chromium.find_element("css selector", "#findings details")
        assert not details.find_element("tag name", "pre").is_displayed()
        details.find_element("tag name", "summary").click()
        assert details.find_element("tag name", "pre").is_displayed()
        assert "owned" not in chromium.title
        assert chromium.get_log("browser") == []
