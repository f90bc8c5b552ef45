"""Symbolic values: what the analysis knows of a key, a cache, or anything that a key passes through.

A value is a symbol (a parameter, an attribute path, a loop's element, a call's result) or built from symbols (a
template, a tuple, the result of a pure function). Values are compared by structure: two equal values are the same key.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from leaklint.model import Span


class Turn(msgspec.Struct, frozen=True):
    """One pass over a loop; loops are walked twice, so that what is wrong between two items shows."""

    loop: Span
    number: int


Turns: TypeAlias = tuple[Turn, ...]
"""The passes over the enclosing loops that something happens in, outermost first."""


class Symbol(msgspec.Struct, frozen=True):
    """Anything that can be a value."""


class Instance(Symbol, frozen=True):
    """`self` (or `cls`) in a method of the class."""

    class_name: str


class Parameter(Symbol, frozen=True):
    """A parameter of the function that the walk began with."""

    function: str
    name: str
    annotation: str | None = None


class Global(Symbol, frozen=True):
    """A module-level variable, or a builtin or imported name."""

    name: str


class Free(Symbol, frozen=True):
    """A variable of an enclosing function that the walk did not see being set."""

    function: str
    name: str


class Field(Symbol, frozen=True):
    """`base.name`."""

    base: Value
    name: str


class Item(Symbol, frozen=True):
    """`base[index]` of something that is no known container."""

    base: Value
    index: Value


class Element(Symbol, frozen=True):
    """What a loop over `iterable` takes out of it on one pass; part `#` is its position, as `enumerate` counts it."""

    iterable: Value
    part: str
    loop: Span
    turns: Turns


class Text(Symbol, frozen=True):
    """A known string."""

    value: str


class Constant(Symbol, frozen=True):
    """Any other literal, by its `repr`."""

    value: str


class Template(Symbol, frozen=True):
    """A string put together from texts and holes."""

    parts: tuple[Value, ...]


class Group(Symbol, frozen=True):
    """A tuple."""

    items: tuple[Value, ...]


class Applied(Symbol, frozen=True):
    """The result of a pure function or operator: equal arguments give equal results."""

    function: str
    arguments: tuple[Value, ...]


class Result(Symbol, frozen=True):
    """The result of a call that the analysis does not read; another call at another place gives another result."""

    site: Span
    callee: str
    turns: Turns
    fresh: bool = False
    """True where the call never gives the same twice (`uuid4()`)."""
    inputs: tuple[Value, ...] = ()
    """What the call was made on and with, for telling what a condition or a wait is about."""


class Entry(Symbol, frozen=True):
    """What a cache holds under a key."""

    cache: Value
    key: Value


class Allocated(Symbol, frozen=True):
    """A container or object made during the walk; its contents are in the state's heap."""

    site: Span
    turns: Turns
    kind: Literal["list", "set", "dict", "record"]
    class_name: str | None = None


class Closure(Symbol, frozen=True):
    """A function of the module, with the frame that its free variables live in (0 for none) and its receiver."""

    function: str
    frame: int
    receiver: Value | None = None
    defaults: tuple[tuple[str, Value], ...] = ()
    """Parameters whose defaults were evaluated when the function was made: `lambda key=key: …`."""
    is_bare: bool = False
    """True for the function as its decorators get it."""


class Partial(Symbol, frozen=True):
    """A callable with arguments already bound: `functools.partial`, a coroutine not yet awaited, a generator."""

    callee: Value
    positional: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]
    is_started: bool = False
    """True for a coroutine or generator: whoever gets it runs the body."""


class ClassReference(Symbol, frozen=True):
    """A class of the module."""

    name: str


Value: TypeAlias = (
    Instance
    | Parameter
    | Global
    | Free
    | Field
    | Item
    | Element
    | Text
    | Constant
    | Template
    | Group
    | Applied
    | Result
    | Entry
    | Allocated
    | Closure
    | Partial
    | ClassReference
)

REMEMBERED = 50_000
"""How many answers of a pure question about values are kept; a walk asks the same ones over and over."""

_MANGLED = re.compile(r"_(?P<owner>[^\W_]\w*?)(?P<private>__\w*?[^\W_]_?)")

NONE = Constant("None")
TRUE = Constant("True")
FALSE = Constant("False")
POPPED = "popped"
"""The function of an entry that gives what `pop` took out, which is a value although the key is no longer in."""


def children(value: Value) -> tuple[Value, ...]:
    """The values that `value` is built from, in order."""
    match value:
        case Field(base=base):
            return (base,)
        case Item(base=base, index=index):
            return (base, index)
        case Element(iterable=iterable):
            return (iterable,)
        case Template(parts=parts):
            return parts
        case Group(items=items):
            return items
        case Applied(arguments=arguments):
            return arguments
        case Entry(cache=cache, key=key):
            return (cache, key)
        case Closure(receiver=receiver) if receiver is not None:
            return (receiver,)
        case Partial(callee=callee, positional=positional, keywords=keywords):
            return (callee, *positional, *(value for _, value in keywords))
        case _:
            return ()


def within(value: Value) -> Iterator[Value]:
    """`value` and all that it is built from."""
    pending = [value]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(children(current))


def involved(value: Value, closed: frozenset[Value] = frozenset()) -> Iterator[Value]:
    """Like :func:`within`, and through the inputs of calls; the calls are given without their inputs.

    Calls whose results are `closed` are not looked into.
    """
    seen: set[Value] = set()
    pending = [value]
    while pending:
        current = pending.pop()
        if current not in seen:
            seen.add(current)
            yield bare(current)
            if not isinstance(current, Result):
                pending.extend(children(current))
            elif bare(current) not in closed:
                pending.extend(current.inputs)


def bare(value: Value) -> Value:
    """A call's result without what it was made from, for telling whether two are the same one."""
    return msgspec.structs.replace(value, inputs=()) if isinstance(value, Result) else value


def is_waited_for(parts: tuple[Value, ...], subjects: tuple[Value, ...]) -> bool:
    """Whether a wait is for one of the parts of a value, or for what was made together with one.

    A channel has two ends: who sends keeps one, who receives waits at the other.
    """
    return any(
        bare(part) in subjects
        or (isinstance(part, Item) and isinstance(part.base, Result) and bare(part.base) in subjects)
        for part in parts
    )


def called_word(result: Result) -> str:
    """The last word of what was called: `Future` of `asyncio.Future[int]()`."""
    return result.callee.partition("[")[0].rpartition(".")[2]


def mentions(value: Value, part: Value) -> bool:
    """Whether `part` is `value` or something that it is built from."""
    return any(current == part for current in within(value))


def template(parts: tuple[Value, ...]) -> Value:
    """A template with nested templates flattened and neighbouring texts joined; a lone text is that text."""
    flat: list[Value] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Template) else (part,):
            if isinstance(piece, Text) and flat and isinstance(flat[-1], Text):
                flat[-1] = Text(flat[-1].value + piece.value)
            elif not (isinstance(piece, Text) and not piece.value):
                flat.append(piece)
    if not flat:
        return Text("")
    if len(flat) == 1 and isinstance(flat[0], Text):
        return flat[0]
    return Template(tuple(flat))


def holes(value: Value) -> tuple[Value, ...]:
    """The symbols that a key is built from: of a template its holes, of a tuple its items, of a hash its input's."""
    match value:
        case Template() | Group() | Applied():
            return tuple(hole for part in children(value) for hole in holes(part))
        case Text() | Constant():
            return ()
        case _:
            return (value,)


def is_number(value: Value) -> bool:
    """Whether the value is known to be a whole number: a position, an element of a range."""
    return isinstance(value, Element) and (
        value.part == "#" or (isinstance(value.iterable, Applied) and value.iterable.function == "range")
    )


@functools.lru_cache(maxsize=REMEMBERED)
def settled(value: Value) -> Value:
    """The value with what is read later (`later(x)`, of a late-binding closure) taken for what it was."""
    match value:
        case Applied(function="later", arguments=(inner,)):
            return inner
        case Field(base=base, name=name):
            return Field(settled(base), name)
        case Template(parts=parts):
            return Template(tuple(map(settled, parts)))
        case Group(items=items):
            return Group(tuple(map(settled, items)))
        case Applied(function=function, arguments=arguments):
            return Applied(function, tuple(map(settled, arguments)))
        case _:
            return value


def as_entry(value: Value) -> Value:
    """The entry that `pop` took out, for what it gave; any other value as it is."""
    match value:
        case Applied(function="popped", arguments=(Entry() as entry,)):
            return entry
        case _:
            return value


def anonymous(value: Value) -> Value:
    """The value with parameters named without their function and positions without their loop.

    For comparing keys across the functions of one class, and across the passes of a loop.
    """
    match value:
        case Parameter(name=name):
            return Parameter("", name)
        case Element() if is_number(value):
            return Element(NONE, "#", Span(0, 0, 0, 0), ())
        case Element(iterable=iterable, part=part, loop=loop):
            return Element(anonymous(iterable), part, loop, ())
        case Result():
            return msgspec.structs.replace(value, turns=(), inputs=())
        case Field(base=base, name=name):
            return Field(anonymous(base), name)
        case Template(parts=parts):
            return Template(tuple(map(anonymous, parts)))
        case Group(items=items):
            return Group(tuple(map(anonymous, items)))
        case Applied(function=function, arguments=arguments):
            return Applied(function, tuple(map(anonymous, arguments)))
        case _:
            return value


def is_derived(value: Value) -> bool:
    """Whether a key is built from a base and something more: a template, a tuple, or a hash of one of them."""
    match value:
        case Template(parts=parts) | Group(items=parts):
            return len(parts) > 1 and bool(holes(value))
        case Applied(function="format" | "%" | "join", arguments=(_, *given)):
            return any(holes(argument) for argument in given)
        case Applied(arguments=arguments):
            return any(is_derived(argument) for argument in arguments)
        case _:
            return False


def word(name: str) -> str:
    """The name without the label of the module that it belongs to; of a module the last word of its label."""
    return name.rstrip(":").rpartition("/" if name.endswith(":") else ":")[2]


def last_name(value: Value) -> str | None:
    """The word a programmer would call the value by: the last part of an attribute path, a parameter's name."""
    match value:
        case Field(name=name) | Parameter(name=name) | Free(name=name):
            return name
        case Global(name=name):
            return word(name)
        case Item(index=Text(value=name)):
            return name
        case _:
            return None


def spell(value: Value) -> str:
    """The value as Python text for messages: `f"{ctx.state_id}_r{row}"`, `self._clients`."""
    match value:
        case Instance():
            return "self"
        case Parameter(name=name) | Global(name=name) | Free(name=name) | ClassReference(name=name):
            return word(name)
        case Text(value=text):
            return repr(text)
        case Constant(value=text):
            return text
        case Result(callee=callee):
            return f"{callee}()"
        case Allocated(kind=kind, class_name=class_name):
            return word(class_name) if class_name else kind
        case Closure(function=function):
            return word(function)
        case _:
            return _spell_built(value)


def _spell_built(value: Value) -> str:
    """A value that has parts."""
    match value:
        case Field(base=base, name=name):
            return f"{spell(base)}.{_as_written(name, base)}"
        case Item(base=base, index=index) | Entry(cache=base, key=index):
            return f"{spell(base)}[{spell(index)}]"
        case Element(iterable=iterable, part=part):
            return _spell_element(iterable, part)
        case Template(parts=parts):
            return _spell_template(parts)
        case Applied(function="popped", arguments=(inner,)):
            return spell(inner)
        case Group(items=items):
            return f"({', '.join(map(spell, items))}{',' if len(items) == 1 else ''})"
        case Applied(function=function, arguments=arguments):
            return f"{function}({', '.join(map(spell, arguments))})"
        case Partial(callee=callee):
            return f"{spell(callee)}(…)"
        case _:
            return str(value)


def _as_written(name: str, base: Value) -> str:
    """A private name without the class that Python puts before it: `__spans` of `_Tracer__spans`."""
    owner = base.class_name.rpartition(".")[2].lstrip("_") if isinstance(base, Instance) else None
    mangled = _MANGLED.fullmatch(name)
    if mangled is None or not (mangled["owner"] == owner or mangled["owner"][0].isupper()):
        return name
    return mangled["private"]


def _spell_element(iterable: Value, part: str) -> str:
    where = spell(iterable)
    return f"index in {where}" if part == "#" else f"item of {where}"


def _spell_template(parts: tuple[Value, ...]) -> str:
    pieces = []
    for part in parts:
        if isinstance(part, Text):
            pieces.append(part.value.replace("{", "{{").replace("}", "}}"))
        else:
            pieces.append("{" + spell(part) + "}")
    body = "".join(pieces)
    quote = "'" if '"' in body else '"'
    return f"f{quote}{body}{quote}"
