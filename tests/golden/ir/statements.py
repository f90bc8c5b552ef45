"""Every simple statement, imports and declarations."""

import os
import os.path, sys as system
from . import sibling
from ..package import first, second as other
from package import *

a = 1
a = b = c
a, (b, *rest) = c
a.b = a[b] = c
a: int
a: dict[str, int] = {}
a.b: "Later" = c
a += 1
a.b |= c
a[b] **= c
del a, b.c, d[e]
assert a
assert a, "message"
raise
raise Error
raise Error("text") from cause
pass
call()
