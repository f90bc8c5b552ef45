"""The tests on every Python that leaklint supports: `nox`, or `nox -s tests-3.13` for one of them."""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests; what is given after `--` goes to pytest."""
    session.install("--editable", ".", *nox.project.dependency_groups(PYPROJECT, "test"))
    session.run("pytest", "-n", "2", "--dist", "worksteal", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types and layers."""
    session.install("--editable", ".", *nox.project.dependency_groups(PYPROJECT, "test", "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("lint-imports", "--no-logo", "--no-cache")
    session.run("leaklint", "check", "src")
