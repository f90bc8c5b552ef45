"""Every kind of expression."""

name
"text"
(1, 1.5, 2j, b"bytes", True, None, ...)
-1
-name
value.attribute.other
value[0], value["a"], value[1:2], value[::step, ...]
call(), call(a, *b, c=d, **e)
value.method(a)(b)
[], [a, *b], {a, b}, (a,), ()
{}, {a: b, **c}
[a for a in b]
{a for a in b if c if d}
{a: b for a, b in c for d in a}
(a async for a in b)
lambda: 0
lambda a, b=1, *c, d, e=f, **g: a + b
a if b else c
a and b or c
not a
a == b
a < b <= c != d
a is not b, a not in b
a + b - c * d / e // f % g @ h ** i
a << b >> c & d | e ^ f
(a := b)
(not a).b
(a + b).c
