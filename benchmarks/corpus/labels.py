"""The labels: what somebody who has read the code says of a finding, and which findings have one.

A label holds no line number, so that it survives a new release; it is told by what it is about. A `key` is only given
where a function has findings of one code on one mapping that are not all the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from leaklint.paths import encodable

if TYPE_CHECKING:
    from collections.abc import Iterable

LABELS = Path(__file__).with_name("labels.toml")

Verdict: TypeAlias = Literal["real", "harmless", "false-alarm"]
"""A leak; a leak that cannot grow or does not matter; not a leak at all."""

VERDICTS: tuple[Verdict, ...] = ("real", "harmless", "false-alarm")


class Subject(msgspec.Struct, frozen=True, order=True):
    """What a finding is about, lines apart. `path` is relative to the release, with forward slashes."""

    package: str
    path: str
    code: str
    symbol: str
    cache: str
    key: str


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of a finding, and in one sentence why."""

    package: str
    path: str
    code: str
    symbol: str
    cache: str
    verdict: Verdict
    why: str
    key: str | None = None

    def is_about(self, subject: Subject) -> bool:
        """Whether the label speaks of this finding."""
        return self._identity() == _identity(subject) and self.key in (None, subject.key)

    def _identity(self) -> tuple[str, ...]:
        return self.package, self.path, self.code, self.symbol, self.cache

    def __str__(self) -> str:
        return f"{self.package}: {self.path}: {self.code} {self.symbol} {self.cache} ({self.verdict})"


class Labels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of labels."""

    label: tuple[Label, ...] = ()


class Judged(msgspec.Struct, frozen=True):
    """Findings beside labels: what each finding is, which have no label, and which labels have no finding any more."""

    verdicts: tuple[tuple[Subject, Verdict | None], ...]
    gone: tuple[Label, ...]

    @property
    def new(self) -> tuple[Subject, ...]:
        """The findings that nobody has labelled."""
        return tuple(subject for subject, verdict in self.verdicts if verdict is None)


def load(path: Path = LABELS) -> tuple[Label, ...]:
    """Read the labels. Raises msgspec.DecodeError for a file that is not valid."""
    return msgspec.toml.decode(path.read_bytes(), type=Labels).label


def judge(subjects: Iterable[Subject], labels: Iterable[Label], packages: Iterable[str]) -> Judged:
    """Put findings and labels together; only labels of the `packages` that were checked can be gone."""
    by_identity: dict[tuple[str, ...], list[Label]] = {}
    checked = set(packages)
    mine = [label for label in labels if label.package in checked]
    for label in mine:
        by_identity.setdefault(label._identity(), []).append(label)
    met: set[Label] = set()
    verdicts: list[tuple[Subject, Verdict | None]] = []
    for subject in subjects:
        fitting = [label for label in by_identity.get(_identity(subject), ()) if label.is_about(subject)]
        met.update(fitting)
        # The one that names the key knows more.
        chosen = max(fitting, key=lambda label: label.key is not None, default=None)
        verdicts.append((subject, chosen.verdict if chosen else None))
    return Judged(tuple(verdicts), tuple(label for label in mine if label not in met))


def stub(subject: Subject) -> str:
    """Write a label for somebody to complete."""
    fields = {name: getattr(subject, name) for name in ("package", "path", "code", "symbol", "cache")}
    written = [f"{name} = {_quoted(value)}" for name, value in fields.items()]
    return "\n".join(["[[label]]", *written, 'verdict = ""', 'why = ""'])


def _quoted(value: str) -> str:
    return msgspec.json.encode(encodable(value)).decode()


def _identity(subject: Subject) -> tuple[str, ...]:
    return subject.package, subject.path, subject.code, subject.symbol, subject.cache
