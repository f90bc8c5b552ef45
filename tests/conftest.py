"""No test takes or leaves results in the caches of the user who runs it, and laws of one file run one after another."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what is said of one file: the process that has analysed it still knows what was found."""
    items.sort(key=_file)


def _file(item: pytest.Item) -> str:
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    path = parameters.get("path")
    return path.as_posix() if isinstance(path, Path) else ""


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("LEAKLINT_CACHE_DIR", str(directory))
    return directory
