"""The intermediate representation: a module as names, spans, structured statements and few kinds of expression.

It is what :mod:`leaklint.extract` makes of a syntax tree and all that the analysis ever sees. It is frozen, can be
printed (:mod:`leaklint.ir_text`), pickled and encoded, and is the same whatever Python version parsed the file.
Every way to spell a string out of parts (f-string, ``%``, ``.format``, ``"…" + x``, ``"_".join``) is one
:class:`Template`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from leaklint.model import Span

ComprehensionKind: TypeAlias = Literal["list", "set", "dict", "generator"]
DisplayKind: TypeAlias = Literal["tuple", "list", "set"]
ParameterKind: TypeAlias = Literal["positional", "keyword", "star", "double-star"]


class Node(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Anything that stands somewhere in the file."""

    at: Span


class Name(Node, frozen=True):
    """A variable."""

    id: str


class Text(Node, frozen=True):
    """A string literal, implicit concatenation done."""

    value: str


class Constant(Node, frozen=True):
    """Any other literal, by its `repr`: numbers, bytes, True, None, `...`."""

    value: str


class Template(Node, frozen=True):
    """A string put together from texts and holes, in order."""

    parts: tuple[Expression, ...]


class Attribute(Node, frozen=True):
    """`value.name`, private names mangled as Python does it."""

    value: Expression
    name: str


class Subscript(Node, frozen=True):
    """`value[index]`; a slice is an :class:`Opaque` index."""

    value: Expression
    index: Expression


class Argument(msgspec.Struct, frozen=True, gc=False):
    """One argument of a call. `name` is the keyword, `*` or `**` for unpacking, None for a positional one."""

    value: Expression
    name: str | None = None


class Call(Node, frozen=True):
    """`function(arguments)`."""

    function: Expression
    arguments: tuple[Argument, ...]


class Display(Node, frozen=True):
    """A tuple, list or set written out."""

    kind: DisplayKind
    items: tuple[Expression, ...]


class Pair(msgspec.Struct, frozen=True, gc=False):
    """`key: value` of a dict display; key None is `**value`."""

    key: Expression | None
    value: Expression


class Mapping(Node, frozen=True):
    """A dict written out."""

    pairs: tuple[Pair, ...]


class Clause(msgspec.Struct, frozen=True, gc=False):
    """`for target in iterable if conditions` of a comprehension."""

    target: Expression
    iterable: Expression
    conditions: tuple[Expression, ...]
    is_async: bool


class Comprehension(Node, frozen=True):
    """A comprehension or generator expression; `value` is the dict comprehension's value."""

    kind: ComprehensionKind
    element: Expression
    value: Expression | None
    clauses: tuple[Clause, ...]


class Lambda(Node, frozen=True):
    """A lambda; its body is one :class:`Return`."""

    function: Function


class Conditional(Node, frozen=True):
    """`then if test else otherwise`."""

    test: Expression
    then: Expression
    otherwise: Expression


class Boolean(Node, frozen=True):
    """`and` or `or` of two or more values."""

    operator: Literal["and", "or"]
    values: tuple[Expression, ...]


class Not(Node, frozen=True):
    """`not value`."""

    value: Expression


class Compare(Node, frozen=True):
    """`left operator right`, the operator as written (`==`, `not in`); a chain is a :class:`Boolean` of these."""

    left: Expression
    operator: str
    right: Expression


class Binary(Node, frozen=True):
    """`left operator right` that is not known to build a string."""

    left: Expression
    operator: str
    right: Expression


class Await(Node, frozen=True):
    """`await value`."""

    value: Expression


class Yield(Node, frozen=True):
    """`yield value`, or `yield from value`."""

    value: Expression | None
    delegates: bool


class Starred(Node, frozen=True):
    """`*value` in a display or target."""

    value: Expression


class Walrus(Node, frozen=True):
    """`(target := value)`."""

    target: Name
    value: Expression


class Opaque(Node, frozen=True):
    """An expression of no interest; its children are evaluated in order."""

    children: tuple[Expression, ...]


Expression: TypeAlias = (
    Name
    | Text
    | Constant
    | Template
    | Attribute
    | Subscript
    | Call
    | Display
    | Mapping
    | Comprehension
    | Lambda
    | Conditional
    | Boolean
    | Not
    | Compare
    | Binary
    | Await
    | Yield
    | Starred
    | Walrus
    | Opaque
)


class Assign(Node, frozen=True):
    """`targets = value`, annotated or not; `annotation` is the annotation as an expression, None without one."""

    targets: tuple[Expression, ...]
    value: Expression | None
    annotation: Expression | None = None


class Augment(Node, frozen=True):
    """`target operator= value`; the operator without its `=`."""

    target: Expression
    operator: str
    value: Expression


class Delete(Node, frozen=True):
    """`del targets`."""

    targets: tuple[Expression, ...]


class Evaluate(Node, frozen=True):
    """An expression as a statement."""

    value: Expression


class Return(Node, frozen=True):
    """`return value`."""

    value: Expression | None


class Raise(Node, frozen=True):
    """`raise exception from cause`; without an exception it raises the handled one again."""

    exception: Expression | None
    cause: Expression | None


class Assert(Node, frozen=True):
    """`assert test, message`."""

    test: Expression
    message: Expression | None


class Break(Node, frozen=True):
    """`break`."""


class Continue(Node, frozen=True):
    """`continue`."""


class Pass(Node, frozen=True):
    """`pass`, and whatever does nothing to the analysis (`global`, `nonlocal`, type aliases)."""


class Import(Node, frozen=True):
    """`import module as bound` (`name` None) or `from module import name as bound`; `level` counts leading dots."""

    module: str
    name: str | None
    bound: str
    level: int


class If(Node, frozen=True):
    """`if test`; an `elif` is an :class:`If` alone in `otherwise`."""

    test: Expression
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


class While(Node, frozen=True):
    """`while test` with its `else`."""

    test: Expression
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


class For(Node, frozen=True):
    """`for target in iterable` with its `else`."""

    target: Expression
    iterable: Expression
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    is_async: bool


class Handler(Node, frozen=True):
    """`except caught as name`; caught None catches everything."""

    caught: Expression | None
    name: str | None
    body: tuple[Statement, ...]


class Try(Node, frozen=True):
    """`try` with all its parts; `is_group` for `except*`."""

    body: tuple[Statement, ...]
    handlers: tuple[Handler, ...]
    otherwise: tuple[Statement, ...]
    final: tuple[Statement, ...]
    is_group: bool


class WithItem(msgspec.Struct, frozen=True, gc=False):
    """`context as target`."""

    context: Expression
    target: Expression | None


class With(Node, frozen=True):
    """`with` or `async with` of one or several items."""

    items: tuple[WithItem, ...]
    body: tuple[Statement, ...]
    is_async: bool


class Case(Node, frozen=True):
    """`case pattern if guard`.

    `bound` are the names the pattern binds, `tested` is the value that a literal pattern compares the subject with.
    """

    bound: tuple[str, ...]
    guard: Expression | None
    body: tuple[Statement, ...]
    catches_all: bool
    tested: Expression | None = None


class Match(Node, frozen=True):
    """`match subject`."""

    subject: Expression
    cases: tuple[Case, ...]


class Define(Node, frozen=True):
    """A `def` statement."""

    function: Function


class DefineClass(Node, frozen=True):
    """A `class` statement."""

    definition: Class


Statement: TypeAlias = (
    Assign
    | Augment
    | Delete
    | Evaluate
    | Return
    | Raise
    | Assert
    | Break
    | Continue
    | Pass
    | Import
    | If
    | While
    | For
    | Try
    | With
    | Match
    | Define
    | DefineClass
)


class Parameter(msgspec.Struct, frozen=True, gc=False):
    """One parameter of a function."""

    name: str
    kind: ParameterKind
    annotation: Expression | None = None
    default: Expression | None = None


class Function(Node, frozen=True):
    """A function, method, nested function or lambda (`name` is `<lambda>`)."""

    name: str
    qualified_name: str
    parameters: tuple[Parameter, ...]
    decorators: tuple[Expression, ...]
    body: tuple[Statement, ...]
    is_async: bool
    is_generator: bool
    global_names: tuple[str, ...] = ()
    nonlocal_names: tuple[str, ...] = ()
    returns: Expression | None = None


class Class(Node, frozen=True):
    """A class with its body; the methods are the :class:`Define` statements in it."""

    name: str
    qualified_name: str
    bases: tuple[Expression, ...]
    decorators: tuple[Expression, ...]
    body: tuple[Statement, ...]


class Module(msgspec.Struct, frozen=True, gc=False):
    """One file."""

    path: str
    body: tuple[Statement, ...]
