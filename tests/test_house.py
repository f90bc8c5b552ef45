"""The house: sizes, layers, what is shipped, and facts that stand in more than one place."""

from __future__ import annotations

import ast
import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
import yaml
from distribution import ROOT, build_wheel, git, tracked_files
from front_ends import environment

from leaklint import __version__
from leaklint.rules import all_rules

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LINES_OF_A_FILE = 500
LINES_OF_A_FUNCTION = 60

DATA = ("tests/fixtures/", "tests/golden/")
CODE = [path for path in tracked_files() if path.suffix == ".py" and not path.as_posix().startswith(DATA)]
MODULES = [path for path in CODE if path.parts[0] == "src"]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

MACHINE = re.compile(r"(?<![\w./*])/(?:work|root|home/\w+|Users/\w+)/\w")
"""Paths of somebody's machine."""

every_module = pytest.mark.parametrize("path", MODULES, ids=str)


def text_of(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CODE, ids=str)
def test_files_and_functions_are_short(path: Path) -> None:
    text = text_of(path)
    assert len(text.splitlines()) <= LINES_OF_A_FILE
    too_long = [
        f"{path}:{node.lineno} {node.name}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= LINES_OF_A_FUNCTION
    ]
    assert too_long == []


@every_module
def test_modules_say_what_they_are_for(path: Path) -> None:
    summary = (ast.get_docstring(ast.parse(text_of(path))) or "").partition("\n")[0]
    assert len(summary) > 20, f"{path} has no docstring that says what it is for"
    assert summary.endswith((".", ":")), f"the docstring of {path} does not begin with a sentence on one line"


@pytest.mark.parametrize("path", [path for path in tracked_files() if path.suffix != ".png"], ids=str)
def test_no_file_knows_somebodys_machine(path: Path) -> None:
    lines = (ROOT / path).read_text(encoding="utf-8", errors="replace").splitlines()
    assert [f"{path}:{number}: {line}" for number, line in enumerate(lines, 1) if MACHINE.search(line)] == []


def test_a_path_of_a_machine_would_be_noticed() -> None:
    assert MACHINE.search("see '/" + "home/me/leaklint'")
    assert not MACHINE.search("https://example.org/" + "work/a and tests/" + "work/a.py")


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_every_rule_has_a_fixture_and_a_page(rule) -> None:
    fixtures = (ROOT / "tests" / "fixtures").glob(f"{rule.code.lower()}_*.py")
    assert any(re.search(rf"# .*\b{rule.code}\b", path.read_text(encoding="utf-8")) for path in fixtures)
    assert (ROOT / "docs" / "rules" / f"{rule.code}.md").is_file()


def test_the_version_is_the_same_everywhere() -> None:
    assert re.findall(r"^## (\S+)", text_of(Path("CHANGELOG.md")), re.MULTILINE)[0] == __version__
    assert re.findall(r"^ *rev: (\S+)$", text_of(Path("README.md")), re.MULTILINE) == [f"v{__version__}"]


def test_the_supported_pythons_are_the_same_everywhere() -> None:
    classified = [
        words.rpartition(" ")[2] for words in PYPROJECT["project"]["classifiers"] if re.search(r":: 3\.\d+$", words)
    ]
    workflow = yaml.safe_load(text_of(Path(".github/workflows/tests.yml")))
    assert workflow["jobs"]["versions"]["strategy"]["matrix"]["python"] == classified
    assert PYPROJECT["project"]["requires-python"] == f">={classified[0]}"
    assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{classified[0].replace('.', '')}"


def test_git_keeps_the_bytes_of_what_tests_carriage_returns() -> None:
    with_returns = [path.as_posix() for path in tracked_files() if b"\r\n" in (ROOT / path).read_bytes()]
    assert with_returns == ["tests/golden/ir/newlines.py"]
    assert git("check-attr", "text", *with_returns, cwd=ROOT) == f"{with_returns[0]}: text: unset\n"


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, encoding="utf-8", check=False, timeout=120
    )


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, which its contracts are checked on."""
    pytest.importorskip("importlinter", reason="the contracts are checked where import-linter is installed")
    shutil.copytree(
        ROOT / "src" / "leaklint", tmp_path / "leaklint", ignore=shutil.ignore_patterns(".*", "__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_keep_the_contracts(package: Path) -> None:
    done = lint_imports(package)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("keys.py", "from leaklint import analyze", "Imports point one way only"),
        ("outline.py", "import ast", "knows Python's tree"),
        ("flow/state.py", "import libcst", "know LibCST"),
        ("reference/results.py", "import openai", "knows openai"),
        ("fleet/record.py", "import distributed", "knows dask"),
        ("flow/state.py", "from leaklint.flow import walk", "in a circle"),
        ("rules/derived_key_leak.py", "from leaklint.rules import wrong_key_evicted", "knows no other rule"),
        ("evidence.py", "import rich", "knows nothing of terminals"),
        ("newcomer.py", '"""A module that nobody has given a floor."""', "Imports point one way only"),
    ],
)
def test_the_contracts_can_fail(package: Path, module: str, line: str, contract: str) -> None:
    with (package / "leaklint" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    done = lint_imports(package)
    assert done.returncode == 1
    broken = [shown for shown in done.stdout.splitlines() if shown.endswith("BROKEN") or "BROKEN (" in shown]
    assert any(contract in shown for shown in broken), done.stdout


def imported_by(code: str, tmp_path: Path) -> set[str]:
    """The modules that are loaded after a process has run `code`."""
    script = tmp_path / "show.py"
    script.write_text(f"import atexit, sys\natexit.register(lambda: print(*sys.modules))\n{code}\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], env=environment(), capture_output=True, encoding="utf-8", check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


HEAVY = {"ast", "flake8", "leaklint.analyze", "libcst", "matplotlib", "openai", "pathspec", "rich"}


def test_the_version_is_told_without_the_rest(tmp_path: Path) -> None:
    code = "import sys; sys.argv = ['leaklint', '--version']; from leaklint.cli import main; main()"
    loaded = imported_by(code, tmp_path)
    assert "leaklint.cli" in loaded
    # Coverage, where it measures this process, needs `ast` itself.
    assert (HEAVY - {"ast"}) & loaded == set()


@pytest.mark.parametrize(
    "module", ["leaklint", "leaklint.flake8_plugin", "leaklint.cli", "leaklint.analyze", "leaklint.work"]
)
def test_libcst_waits_for_a_finding(tmp_path: Path, module: str) -> None:
    loaded = imported_by(f"import {module}", tmp_path)
    assert module in loaded
    assert "libcst" not in loaded


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build_wheel(tmp_path_factory.mktemp("wheel")))


def metadata(wheel: zipfile.ZipFile, name: str) -> str:
    return wheel.read(f"flake8_leaklint-{__version__}.dist-info/{name}").decode()


def test_the_wheel_has_the_entry_points(wheel: zipfile.ZipFile) -> None:
    points = configparser.ConfigParser()
    points.optionxform = str  # type: ignore[assignment, method-assign]
    points.read_string(metadata(wheel, "entry_points.txt"))
    assert dict(points["flake8.extension"]) == {"LKL": "leaklint.flake8_plugin:Plugin"}
    assert dict(points["console_scripts"]) == {"leaklint": "leaklint.cli:main"}


def test_the_wheel_has_every_module_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    ours = {path.relative_to("src").as_posix() for path in tracked_files() if path.parts[0] == "src"}
    assert names == ours | {"leaklint/demo/twin.txt"}
    assert "leaklint/py.typed" in names
    twin = text_of(Path("tests/fixtures/reference/leaking_transform.py"))
    assert wheel.read("leaklint/demo/twin.txt").decode() == twin


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    told = Parser().parsestr(metadata(wheel, "METADATA"))
    assert (told["Name"], told["Version"]) == ("flake8-leaklint", __version__)
    assert told["License-Expression"] == "MIT"
    assert metadata(wheel, "licenses/LICENSE") == text_of(Path("LICENSE"))
    assert "Framework :: Flake8" in told.get_all("Classifier", [])
    assert told.get_payload() == text_of(Path("README.md"))
