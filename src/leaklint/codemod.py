"""The repairs as a LibCST codemod: `python -m libcst.tool codemod -x leaklint.codemod.EvictDerivedKeys PATH`.

It makes the same bytes as `leaklint fix` and obeys the same settings. What LibCST cannot carry byte for byte is
skipped, because the tool would write it back changed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import libcst
from libcst.codemod import CodemodCommand, CodemodContext, SkipFile

from leaklint.baseline import Baselines
from leaklint.config import Choice, ConfigError, Settings, settings_for, unknown_code
from leaklint.decoded import from_text
from leaklint.files import Exclusion, Found
from leaklint.model import FileError, KnownFindings
from leaklint.paths import absolute, shown
from leaklint.project import Project
from leaklint.report import concise
from leaklint.report.document import document
from leaklint.report.words import error_line
from leaklint.rules import all_codes
from leaklint.source import Source, SourceError, decode, read
from leaklint.work import fix_source

LOSSY = "LibCST would change other bytes of this file; `leaklint fix` repairs it"


class EvictDerivedKeys(CodemodCommand):
    """Evicts what operations leave in caches."""

    DESCRIPTION = "Repair keyed-resource leaks: evict every key that an operation puts into a long-lived mapping."

    @staticmethod
    def add_args(arg_parser: argparse.ArgumentParser) -> None:
        """Take the options of `leaklint fix` that decide what is repaired."""
        arg_parser.add_argument(
            "--unsafe-fixes", action="store_true", help="apply repairs too that may change what the code does"
        )
        arg_parser.add_argument("--isolated", action="store_true", help="read no configuration")
        for name, told in (
            ("--select", "repair these rules only, separated by commas"),
            ("--extend-select", "repair these rules too"),
            ("--ignore", "do not repair these rules"),
        ):
            arg_parser.add_argument(name, metavar="CODES", type=_codes, default=(), help=told)

    def __init__(
        self,
        context: CodemodContext,
        *,
        unsafe_fixes: bool = False,
        isolated: bool = False,
        select: tuple[str, ...] = (),
        extend_select: tuple[str, ...] = (),
        ignore: tuple[str, ...] = (),
    ) -> None:
        super().__init__(context)
        self._unsafe = unsafe_fixes
        self._isolated = isolated
        self._choice = Choice(select or None, extend_select, ignore)

    def transform_module(self, tree: libcst.Module) -> libcst.Module:
        """Repair a module, without the copy of the tree that LibCST makes for metadata: none is used."""
        return self.transform_module_impl(tree)

    def transform_module_impl(self, tree: libcst.Module) -> libcst.Module:
        """Repair a module. Raises SkipFile for one that is left out, or cannot be repaired faithfully."""
        path = self.context.filename
        try:
            settings = _settings(path, isolated=self._isolated).overridden(self._choice)
            source = from_text("stdin", tree.code) if path is None else _same_as_on_disk(shown(path), tree)
            known = _known(path, settings)
            outcome = fix_source(source, settings, Project(), unsafe=self._unsafe, known=known)
        except SourceError as error:
            raise SkipFile(str(error)) from error
        for problem in outcome.report.errors:
            raise SkipFile(error_line(problem))
        for line in concise.lines(document([outcome])):
            self.warn(line)
        if outcome.after is None:
            return tree
        # Standard input is text to LibCST: what comes back must not be bytes in another encoding.
        after = decode(source.path, outcome.after).text if path is None else outcome.after
        repaired = libcst.parse_module(after)
        if path is not None and repaired.bytes != outcome.after:
            raise SkipFile(f"{source.path}: {LOSSY}")
        return repaired


def _settings(path: str | None, *, isolated: bool) -> Settings:
    place = absolute(path or "stdin")
    try:
        settings = settings_for(str(Path(place).parent), all_codes, {}, isolated=isolated)
    except ConfigError as error:
        raise SkipFile(error_line(error.error)) from error
    if path is not None and Exclusion().leaves_out(place, settings, is_directory=False):
        raise SkipFile(f"{shown(path)}: excluded by the settings")
    return settings


def _known(path: str | None, settings: Settings) -> tuple[KnownFindings, ...]:
    found = Baselines().given(Found(shown(path or "stdin"), settings))
    if isinstance(found, FileError):
        raise SkipFile(error_line(found))
    return found.known


def _same_as_on_disk(path: str, tree: libcst.Module) -> Source:
    source = read(path)
    if tree.bytes != source.data:
        raise SkipFile(f"{path}: {LOSSY}")
    return source


def _codes(written: str) -> tuple[str, ...]:
    selectors = tuple(word.strip().upper() for word in written.split(",") if word.strip())
    codes = all_codes()
    for selector in selectors:
        if (problem := unknown_code(selector, codes)) is not None:
            raise argparse.ArgumentTypeError(problem)
    return selectors
