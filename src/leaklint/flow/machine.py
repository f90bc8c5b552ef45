"""What a walk carries along: the machine (shared by all paths), the context (where it is) and the ways out.

The functions that evaluate expressions, run statements and call routines need each other; they find each other here,
so that their modules need not import in a circle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

import msgspec

from leaklint import ir
from leaklint.containers import EVICTING_METHODS
from leaklint.flow.events import Birth, Eviction, Guard, Insertion, Mark, Place, Release, Removal, Stack
from leaklint.flow.state import Raised, State, condense
from leaklint.model import Span
from leaklint.outline import Outline
from leaklint.summaries import Summary
from leaklint.values import Result, Turns, Value, is_derived, is_waited_for

Valued: TypeAlias = "list[tuple[State, Value]]"
"""The paths after an expression, each with its value."""

EVALUATIONS_ALLOWED = 30_000
"""How many expressions one walk may evaluate, on all its paths, before it gives up; the reference case needs 1,000."""

EVALUATIONS_UNEVENTFUL = 4_000
"""How many expressions it may evaluate before anything happens to a container; known leaks need 750."""

LEAST_ALLOWED = 1_000
"""How many expressions any walk may evaluate."""

ENTRIES_APIECE = 32
"""So many entries that are in make an expression count once more: its events are noted in the history of each."""

STEPS_APART = 2_000
"""After how many statements a walk keeps only such paths apart as differ in what the rules ask."""

STEPS_ELSEWHERE = 1_200
"""How many statements of other modules one walk may run before it gives up reading there."""

CALLS_DEEP = 12
"""How many calls a walk reads through before it takes the next one as opaque."""


class BudgetSpentError(Exception):
    """A walk has become longer than it may."""


class Ways(msgspec.Struct):
    """The ways out of a stretch of code other than its end."""

    returns: list[tuple[State, Value]] = msgspec.field(default_factory=list)
    breaks: list[State] = msgspec.field(default_factory=list)
    continues: list[State] = msgspec.field(default_factory=list)
    raises: list[tuple[State, Raised]] = msgspec.field(default_factory=list)
    is_guarded: bool = False
    """Whether a `try` of the walk waits for exceptions; if not, one matters only while an entry is in."""
    seen: set[object] = msgspec.field(default_factory=set)

    def nested(self, *, is_guarded: bool | None = None) -> Ways:
        """Ways of an inner stretch, to be sorted out by whoever asked."""
        return Ways(is_guarded=self.is_guarded if is_guarded is None else is_guarded)

    def add_raise(self, state: State, raised: Raised) -> None:
        """Let an exception go up, once per kind of it and likeness of paths."""
        is_reply = any(is_waited_for(held.insertion.parts, raised.mark.subjects) for held in state.entries.values())
        signature = (raised.kind, raised.type_name, is_reply, state.signature(is_leaving=True))
        if signature not in self.seen:
            self.seen.add(signature)
            self.raises.append((state, raised))


class Context(msgspec.Struct, frozen=True):
    """Where a walk is."""

    machine: Machine
    routine: str
    frame: int
    class_name: str | None = None
    """The class of `self`, which may be a subclass of the one that the routine stands in."""
    stack: Stack = ()
    turns: Turns = ()
    locks: tuple[Value, ...] = ()
    handled: Raised | None = None
    is_cleanup: bool = False
    """Inside a cleanup, which is taken to run to its end: nothing raises."""
    is_conditional: bool = False
    """Inside an `if` of the innermost loop."""
    entry_turns: int = 0
    """How many loops were around the call of the routine; deeper ones are its own."""
    guards: tuple[Guard, ...] = ()
    """The `if` statements around this point, in all routines of the stack."""
    augmented: Span | None = None
    """The target of an augmented assignment: reading it is half of a change."""
    awaited: Span | None = None
    """A call that is awaited where it stands: to make a coroutine does not raise, to wait for it does."""
    final_guards: int | None = None
    """Inside a `finally`: how many of the guards stand outside it."""
    on_yield: Callable[[State, Value, Ways], list[State]] | None = None

    def place(self, at: Span) -> Place:
        """The spot as events name it."""
        return Place(self.routine, at)

    def but(self, **changes: object) -> Context:
        """This context with some of it changed."""
        return msgspec.structs.replace(self, **changes)


class Machine(msgspec.Struct):
    """The outline that is walked, the functions that walk it, and what they have seen."""

    outline: Outline
    summaries: dict[str, Summary]
    evaluate: Callable[[ir.Expression, State, Context, Ways], Valued]
    run: Callable[[tuple[ir.Statement, ...], list[State], Context, Ways], list[State]]
    call: Callable[[Value, Arguments, ir.Node, State, Context, Ways], Valued]
    is_dull: Callable[[ir.Statement, str], bool] = lambda statement, routine: False
    """Whether a statement of a routine may be passed over."""
    evicting_words: frozenset[str] = EVICTING_METHODS
    """What is called where something is evicted: methods of containers, and routines that call one."""
    around_closures: frozenset[str | None] = frozenset()
    """Routines with routines inside."""
    most: int | None = None
    """How many expressions may be evaluated, if fewer than in other walks."""
    reads_all: bool = True
    """Whether callees are read for what they do to containers, and not only for what they give back."""
    steps: int = 0
    steps_elsewhere: int = 0
    evaluations: int = 0
    births: dict[Value, Birth] = msgspec.field(default_factory=dict)
    insertions: dict[Insertion, None] = msgspec.field(default_factory=dict)
    evictions: dict[Eviction, None] = msgspec.field(default_factory=dict)
    removals: dict[Removal, None] = msgspec.field(default_factory=dict)
    releases: dict[Release, None] = msgspec.field(default_factory=dict)
    entered: set[str] = msgspec.field(default_factory=set)
    frames: dict[tuple[Stack, str, Turns], int] = msgspec.field(default_factory=dict)
    origins: dict[tuple[int, str], tuple[Value, tuple[Value, ...]]] = msgspec.field(default_factory=dict)
    """A parameter of a frame to the value it got and where the caller read it from."""
    started: dict[Span, ir.Call] = msgspec.field(default_factory=dict)
    """Calls of coroutine functions, by where they stand; an `await` of one stands around it."""
    parents: dict[int, int] = msgspec.field(default_factory=dict)
    """A closure's frame to the frame that it was made in."""

    def condense(self, states: Iterable[State]) -> list[State]:
        """Merge alike paths where there are many; in a long walk of any number."""
        return condense(states) if self.steps <= STEPS_APART else condense(states, 1)

    def frame_number(self, stack: Stack, routine: str, turns: Turns) -> int:
        """A number for the variables of this call, the same on every path, so that paths can be merged."""
        return self.frames.setdefault((stack, routine, turns), len(self.frames) + 1)

    def spend(self, state: State) -> None:
        """Count an expression on one path, which is what takes time.

        Raises:
            BudgetSpentError: the walk has taken too long.
        """
        self.evaluations += 1 + len(state.entries) // ENTRIES_APIECE
        if self.evaluations > LEAST_ALLOWED and self.evaluations > self.allowed:
            raise BudgetSpentError

    @property
    def allowed(self) -> int:
        """How many expressions may be evaluated, going by what has been seen."""
        has_events = self.insertions or self.evictions or self.releases
        usual = EVALUATIONS_ALLOWED if has_events else EVALUATIONS_UNEVENTFUL
        return usual if self.most is None else min(self.most, usual)

    def step(self, *, is_elsewhere: bool = False) -> None:
        """Count a statement; of other modules they are counted by themselves too."""
        self.steps += 1
        self.steps_elsewhere += is_elsewhere


class Arguments(msgspec.Struct, frozen=True):
    """Evaluated arguments of a call."""

    positional: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()

    def keyword(self, name: str) -> Value | None:
        """The value of one keyword, or None."""
        return next((value for key, value in self.keywords if key == name), None)

    def everything(self) -> Iterable[Value]:
        """All values, positional ones first."""
        return (*self.positional, *(value for _, value in self.keywords))


def value_of(expression: ir.Expression, state: State, context: Context, ways: Ways) -> Value:
    """The value of an expression on its first path; an unknown one where every path raises, as a property may."""
    outcomes = context.machine.evaluate(expression, state, context, ways)
    return outcomes[0][1] if outcomes else Result(expression.at, "value", context.turns)


def born(value: Value, at: Span, context: Context) -> Value:
    """Note where a derived key is first built."""
    if is_derived(value):
        context.machine.births.setdefault(value, Birth(context.place(at), context.stack))
    return value


def matters(state: State, context: Context, ways: Ways) -> bool:
    """Whether an exception at this point can change anything."""
    return not context.is_cleanup and bool(state.entries or ways.is_guarded)


def may_raise(
    state: State,
    at: Span,
    callee: str,
    context: Context,
    ways: Ways,
    kinds: tuple[str, ...] = ("error",),
    subjects: tuple[Value, ...] = (),
) -> None:
    """An operation can raise here: the path forks into one with the exception. The given path goes on."""
    if not matters(state, context, ways):
        return
    for kind in kinds:
        failing = state.copy()
        is_cancelled = kind == "cancel"
        mark = Mark("raise", context.place(at), callee, subjects, waits="cancel" in kinds, is_cancelled=is_cancelled)
        failing.mark(mark)
        ways.add_raise(failing, Raised(kind, None, mark))


def note(
    state: State,
    kind: Literal["return", "break", "continue"],
    at: Span,
    context: Context,
    returned: Value | None = None,
) -> None:
    """Write a jump into the history of the entries that are in."""
    if state.entries:
        in_handler = context.handled is not None
        state.mark(Mark(kind, context.place(at), in_handler=in_handler), returned, context.guards)
