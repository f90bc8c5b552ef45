"""Changes to whole statements: what they look like, whatever the file looks like."""

from __future__ import annotations

from textwrap import dedent

import pytest
from repairing import laid_out, refused, repaired, statement

from leaklint import ir
from leaklint.repairs.changes import (
    AddFinally,
    ExtendFinally,
    InsertAfter,
    InsertBefore,
    RemoveStatement,
    WrapInTry,
    wrap_to_end,
)
from leaklint.repairs.layout import place_of
from leaklint.repairs.surgery import combine

FINAL = ("with lock:", "    end()")


def wrapped(code: str | bytes, first: str, last: str | None = None, final: tuple[str, ...] = ("end()",)) -> str:
    layout = laid_out(code)
    return repaired(layout, WrapInTry(statement(layout, first), statement(layout, last or first), final))


def try_statement(code: str) -> tuple[object, ir.Try]:
    layout = laid_out(code)
    found = statement(layout, "try")
    assert isinstance(found, ir.Try)
    return layout, found


@pytest.mark.parametrize("unit", ["  ", "    ", "        ", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_wrap_keeps_the_indentation_style_and_the_line_endings(unit: str, newline: str) -> None:
    before = "def f():\n>a()\n>with b:\n>>c(1,\n>>  2)\n>return d\n"
    after = "def f():\n>a()\n>try:\n>>with b:\n>>>c(1,\n>>>  2)\n>finally:\n>>with lock:\n>>>end()\n>return d\n"
    before, after = (text.replace(">", unit).replace("\n", newline) for text in (before, after))
    assert wrapped(before.encode(), "with", final=FINAL) == after


def test_comments_above_stay_above_and_comments_behind_and_between_go_along() -> None:
    before = """\
        def f():
            a()

            # about b
            b()  # b

            # about c
        # c = old
            for x in c:
                d()
                # end of c
            # about e
            e()
    """
    after = """\
        def f():
            a()

            # about b
            try:
                b()  # b

                # about c
        # c = old
                for x in c:
                    d()
                    # end of c
            finally:
                end()
            # about e
            e()
    """
    assert wrapped(before, "b()", "for") == dedent(after)


def test_strings_are_not_reindented_and_brackets_are() -> None:
    before = """\
        def f(x):
            a('''
          one
            {x}''', f\"\"\"
              two {x}
            {
              x
            }\"\"\", [
                1,
          2], "a\\
          b")
            c = 1 + \\
                2
    """
    after = """\
        def f(x):
            try:
                a('''
          one
            {x}''', f\"\"\"
              two {x}
            {
              x
            }\"\"\", [
                    1,
              2], "a\\
          b")
                c = 1 + \\
                    2
            finally:
                end()
    """
    assert wrapped(before, "a(", "c") == dedent(after)
    assert wrapped("x = '''\na\n'''\n", "x") == "try:\n    x = '''\na\n'''\nfinally:\n    end()\n"


def test_one_line_suites_are_expanded() -> None:
    assert wrapped("if a: b()  # b\nelse: c()\n", "b") == (
        "if a:\n    try:\n        b()  # b\n    finally:\n        end()\nelse: c()\n"
    )
    assert wrapped("if a: b()\nelse: c()\n", "c") == (
        "if a: b()\nelse:\n    try:\n        c()\n    finally:\n        end()\n"
    )
    assert wrapped("def f():\n\tfor x in y:a(); b(); c()\n", "b") == (
        "def f():\n\tfor x in y:\n\t\ta()\n\t\ttry:\n\t\t\tb()\n\t\tfinally:\n\t\t\tend()\n\t\tc()\n"
    )


def test_semicolons_are_taken_apart() -> None:
    assert wrapped("a(); b(); c()  # d\n", "b") == "a()\ntry:\n    b()\nfinally:\n    end()\nc()  # d\n"
    assert wrapped("a(); b(); c();\n", "b", "c") == "a()\ntry:\n    b()\n    c();\nfinally:\n    end()\n"
    assert wrapped("a(1,\n  2); b()\n", "a") == "try:\n    a(1,\n      2)\nfinally:\n    end()\nb()\n"


def test_a_suite_behind_a_backslash_is_refused() -> None:
    layout = laid_out("if a: \\\n  b()\n")
    found = statement(layout, "b")
    assert refused(layout, WrapInTry(found, found, ("end()",))).endswith("in an unusual way")


def test_an_elif_becomes_an_else_with_an_if() -> None:
    before = """\
        if a:
            b()
        # about c
        elif c:  # c
            d()
        else:
            e()
    """
    after = """\
        if a:
            b()
        # about c
        else:
            first()
            try:
                if c:  # c
                    d()
                else:
                    e()
            finally:
                end()
    """
    layout = laid_out(before)
    found = statement(layout, "elif")
    assert repaired(layout, WrapInTry(found, found, ("end()",)), InsertBefore(found, ("first()",))) == dedent(after)
    assert repaired(layout, InsertBefore(found, ("first()",)), WrapInTry(found, found, ("end()",))) == dedent(after)


def test_the_last_line_may_have_no_line_ending() -> None:
    assert wrapped("def f():\n    a()", "a") == "def f():\n    try:\n        a()\n    finally:\n        end()"
    layout = laid_out("a()\nb()")
    assert repaired(layout, InsertAfter(statement(layout, "b"), ("c()", "d()"))) == "a()\nb()\nc()\nd()"
    assert repaired(layout, RemoveStatement(statement(layout, "b"))) == "a()\n"


def test_a_new_line_that_is_the_last_one_takes_the_place_of_one_without_an_ending() -> None:
    layout = laid_out("a()\nb()\nc()")
    a, b, c = (statement(layout, name) for name in "abc")
    wrapped_in_try = "try:\n    a()\nfinally:\n    end()"
    assert repaired(layout, WrapInTry(a, a, ("end()",)), RemoveStatement(b), RemoveStatement(c)) == wrapped_in_try
    assert repaired(layout, RemoveStatement(c), InsertAfter(b, ("d()",))).endswith("b()\nd()\n")
    assert repaired(layout, RemoveStatement(b)) == "a()\nc()"


def test_a_form_feed_stays_where_it_is() -> None:
    before = "def f():\n    a()\n\x0c    b()\n    c()\n"
    after = "def f():\n    try:\n        a()\n\x0c        b()\n    finally:\n        end()\n    c()\n"
    assert combine_text(before, "a", "b") == after


def combine_text(code: str, first: str, last: str) -> str:
    """Without the proof: LibCST loses some form feeds, so such a file is refused in the end."""
    from leaklint.source import apply_edits

    layout = laid_out(code)
    edits = combine(layout, [WrapInTry(statement(layout, first), statement(layout, last), ("end()",))])
    assert isinstance(edits, tuple)
    return apply_edits(layout.source, edits).decode()


def test_decorated_definitions_are_wrapped_with_their_decorators() -> None:
    before = "def f():\n    @a\n    # why\n    @b(\n        1)\n    def g(): pass\n    return g\n"
    after = (
        "def f():\n    try:\n        @a\n        # why\n        @b(\n            1)\n        def g(): pass\n"
        "    finally:\n        end()\n    return g\n"
    )
    assert wrapped(before, "def g") == after


def test_async_and_match_and_nested_try() -> None:
    before = """\
        async def f(x):
            match x:
                case 1:
                    async with x as y:
                        await y
                case _: await x
            try:
                a()
            except E:
                b()
    """
    layout = laid_out(before)
    inner, case, outer = statement(layout, "async with"), statement(layout, "await x"), statement(layout, "try")
    match = statement(layout, "match")
    changes = [WrapInTry(one, one, (f"end_{n}()",)) for n, one in enumerate((inner, case, statement(layout, "b")))]
    after = """\
        async def f(x):
            try:
                match x:
                    case 1:
                        try:
                            async with x as y:
                                await y
                        finally:
                            end_0()
                    case _:
                        try:
                            await x
                        finally:
                            end_1()
                try:
                    a()
                except E:
                    try:
                        b()
                    finally:
                        end_2()
            finally:
                end()
    """
    around = WrapInTry(match, outer, ("end()",))
    assert repaired(layout, *changes, around) == dedent(after)
    assert repaired(layout, around, *reversed(changes)) == dedent(after)


def test_what_is_wrapped_must_be_siblings_in_order_and_no_docstring() -> None:
    layout = laid_out('def f():\n    """Doc."""\n    a()\n    if b:\n        c()\n')
    a, c = statement(layout, "a"), statement(layout, "c")
    assert refused(layout, WrapInTry(a, c, ())) == "lines 3 and 5 are not in one block, in this order"
    assert (
        refused(layout, WrapInTry(statement(layout, "if"), a, ()))
        == "lines 4 and 3 are not in one block, in this order"
    )
    docstring = statement(layout, '"""')
    assert refused(layout, WrapInTry(docstring, a, ())) == "the docstring on line 2 would no longer be one"
    assert refused(layout, InsertBefore(docstring, ("x = 1",))) == "the docstring on line 2 would no longer be one"
    siblings = place_of(layout, a).block.statements
    assert "    try:\n        a()\n        if b:\n            c()\n    finally:" in repaired(
        layout, wrap_to_end(siblings, a, ("end()",))
    )


def test_a_try_gets_a_finally_or_more_in_the_one_it_has() -> None:
    layout, found = try_statement("try:\n    a()\nexcept E: b()\n    # tail\nc()\n")
    assert repaired(layout, AddFinally(found, ("end()",))) == (
        "try:\n    a()\nexcept E: b()\n    # tail\nfinally:\n    end()\nc()\n"
    )
    assert refused(layout, ExtendFinally(found, ())) == "the try statement on line 1 has no finally clause"
    layout, found = try_statement("try:\n    a()\nfinally:\n    # about b\n    b()  # b\n    # tail\nc()\n")
    assert repaired(layout, ExtendFinally(found, ("end()",))) == (
        "try:\n    a()\nfinally:\n    # about b\n    b()  # b\n    end()\n    # tail\nc()\n"
    )
    assert repaired(layout, ExtendFinally(found, ("end()",), first=True)) == (
        "try:\n    a()\nfinally:\n    end()\n    # about b\n    b()  # b\n    # tail\nc()\n"
    )
    assert refused(layout, AddFinally(found, ())) == "the try statement on line 1 has a finally clause already"
    layout, found = try_statement("try: a()\nfinally: b()\n")
    assert repaired(layout, ExtendFinally(found, ("end()",))) == "try: a()\nfinally:\n    b()\n    end()\n"


def test_a_statement_taken_out_leaves_its_comments_and_never_an_empty_block() -> None:
    layout = laid_out("def f():\n    # above\n    a(1,  # one\n      2)  # two\n    b()\n    if c: d()  # d\n")
    a, b, d = (statement(layout, text) for text in ("a(", "b()", "d()"))
    assert repaired(layout, RemoveStatement(a)) == (
        "def f():\n    # above\n    # one\n    # two\n    b()\n    if c: d()  # d\n"
    )
    assert repaired(layout, RemoveStatement(d)).endswith("    if c:\n        pass  # d\n")
    removed = repaired(layout, *map(RemoveStatement, (a, statement(layout, "if"), b)))
    assert removed == "def f():\n    # above\n    # one\n    # two\n    pass\n    # d\n"
    assert repaired(laid_out("a(); b()\n"), RemoveStatement(statement(laid_out("a(); b()\n"), "a"))) == "b()\n"


def test_a_later_change_stands_closer_to_its_statement() -> None:
    layout = laid_out("x = 1\n# about a\na()\n")
    a = statement(layout, "a")
    wrap = WrapInTry(a, a, ("end()",))
    above, before, after = (
        InsertBefore(a, ("up()",)),
        InsertBefore(a, ("b()",), above_comments=False),
        InsertAfter(a, ("c()",)),
    )
    outside = "x = 1\nup()\n# about a\nb()\ntry:\n    a()\nfinally:\n    end()\nc()\n"
    inside = "x = 1\nup()\n# about a\ntry:\n    b()\n    a()\n    c()\nfinally:\n    end()\n"
    assert repaired(layout, above, before, after, wrap) == outside
    assert repaired(layout, wrap, before, after, above) == inside


def test_insertions_at_one_place_keep_their_order_and_their_nesting() -> None:
    layout = laid_out("for x in y:\n    if x:\n        a()\nb()\n")
    loop, branch, call = (statement(layout, text) for text in ("for", "if", "a()"))
    changes = [InsertAfter(loop, ("out()",)), InsertAfter(call, ("deep()",)), InsertAfter(branch, ("mid()",))]
    after = "for x in y:\n    if x:\n        a()\n        deep()\n    mid()\nout()\nb()\n"
    assert repaired(layout, *changes) == after
    assert repaired(layout, *reversed(changes)) == after
    first = [InsertBefore(loop, (f"x{n} = []",)) for n in range(3)]
    assert repaired(layout, *first).startswith("x0 = []\nx1 = []\nx2 = []\nfor")


def test_the_reference_repair_has_the_shape_a_person_gave_it() -> None:
    before = """\
        def run(self, rows, ctx):
            contexts = []
            for row_idx, row in enumerate(rows):
                query_state_id = f"{ctx.state_id}_r{row_idx}"
                contexts.append(query_state_id)

            # Ask everything.
            results = self._executor.execute_batch(contexts, self._ask)
            return results
    """
    after = """\
        def run(self, rows, ctx):
            contexts = []
            per_query_state_ids = []
            for row_idx, row in enumerate(rows):
                query_state_id = f"{ctx.state_id}_r{row_idx}"
                per_query_state_ids.append(query_state_id)
                contexts.append(query_state_id)

            # Ask everything.
            try:
                results = self._executor.execute_batch(contexts, self._ask)
            finally:
                with self._lock:
                    for query_state_id in per_query_state_ids:
                        self._clients.pop(query_state_id, None)
            return results
    """
    layout = laid_out(before)
    call = statement(layout, "results")
    final = (
        "with self._lock:",
        "    for query_state_id in per_query_state_ids:",
        "        self._clients.pop(query_state_id, None)",
    )
    changes = (
        InsertBefore(statement(layout, "for"), ("per_query_state_ids = []",)),
        InsertAfter(statement(layout, "query_state_id"), ("per_query_state_ids.append(query_state_id)",)),
        WrapInTry(call, call, final),
    )
    assert repaired(layout, *changes) == dedent(after)
    assert repaired(layout, *reversed(changes)) == dedent(after)


@pytest.mark.parametrize("inner", [("a", "b"), ("b", "c"), ("c", "d"), ("a", "a"), ("d", "d")])
def test_of_two_wraps_the_one_around_more_is_the_outer_one_whatever_their_order(inner: tuple[str, str]) -> None:
    layout = laid_out("a()\nb()\nc()\nd()\n")
    begin, end = (statement(layout, name) for name in inner)
    small = WrapInTry(begin, end, ("small()",))
    large = WrapInTry(statement(layout, "a"), statement(layout, "d"), ("large()",))
    after = repaired(layout, small, large)
    assert after == repaired(layout, large, small)
    assert after.startswith("try:\n    ")
    assert after.endswith("\nfinally:\n    large()\n")


def test_wraps_that_cross_are_refused() -> None:
    layout = laid_out("a()\nb()\nc()\n")
    a, b, c = (statement(layout, name) for name in "abc")
    changes = WrapInTry(a, b, ()), WrapInTry(b, c, ())
    reason = "a try around lines {} would cross another repair's"
    assert refused(layout, *changes) == reason.format("2 to 3")
    assert refused(layout, *changes[::-1]) == reason.format("1 to 2")


def test_a_finally_belongs_to_its_try() -> None:
    layout, found = try_statement("try: a()\nexcept E: pass\nb()\n")
    changes = AddFinally(found, ("one()",)), InsertAfter(found, ("two()",)), WrapInTry(found, found, ("three()",))
    after = "    try: a()\n    except E: pass\n    finally:\n        one()\n"
    wrapped_first = "try:\n" + after + "    two()\nfinally:\n    three()\nb()\n"
    assert repaired(layout, *changes) == "try:\n" + after + "finally:\n    three()\ntwo()\nb()\n"
    assert repaired(layout, *changes[::-1]) == wrapped_first


def test_no_change_is_no_edit_and_clashes_are_refused() -> None:
    layout = laid_out("a()\nb()\n")
    a = statement(layout, "a")
    assert combine(layout, []) == ()
    assert refused(layout, RemoveStatement(a), InsertAfter(a, ("c()",))).startswith("another repair")
    assert refused(layout, RemoveStatement(a), RemoveStatement(a)).startswith("another repair")
