"""Repairs leaks through all-repos: `python -m leaklint.fleet.all_repos --config-filename all-repos.json`.

all-repos clones each repository, runs this in the clone, commits what changed and pushes it as its configuration says.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from all_repos.config import Config

MESSAGE = "Evict what operations leave in caches"
BRANCH = "leaklint"


def find_repos(config: Config) -> Iterable[str]:
    """Name every clone that has a Python file."""
    from all_repos.grep import repos_matching

    matching: Iterable[str] = repos_matching(config, ("", "--", "*.py"))
    return matching


def apply_fix() -> None:
    """Repair the clone in the working directory. Raises CalledProcessError if that was not possible at all."""
    from all_repos import autofix_lib

    # A file that cannot be parsed gives 2 and is named; all others are repaired, and their repairs are wanted.
    done = autofix_lib.run(sys.executable, "-m", "leaklint", "fix", "--exit-zero", check=False)
    if done.returncode not in (0, 2):
        done.check_returncode()


def main(argv: Sequence[str] | None = None) -> int:
    """Run over all repositories."""
    from all_repos import autofix_lib

    parser = argparse.ArgumentParser(prog=Path(__file__).stem, description=MESSAGE)
    autofix_lib.add_fixer_args(parser)
    args = parser.parse_args(argv)
    repos, config, commit, settings = autofix_lib.from_cli(args, find_repos=find_repos, msg=MESSAGE, branch_name=BRANCH)
    autofix_lib.fix(repos, apply_fix=apply_fix, config=config, commit=commit, autofix_settings=settings)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
