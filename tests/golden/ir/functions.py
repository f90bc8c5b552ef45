"""Functions of every kind."""


def plain(a, /, b: int = 1, *args: str, c, d=None, **kwargs) -> dict[str, int]:
    """Say what it does."""
    return {}


@decorator
@other.decorator(argument, key="value")
def decorated():
    def inner(default=yielded):
        nonlocal_free = lambda x: lambda y: x + y
        return nonlocal_free

    return inner


def counter():
    total = 0

    def add():
        global calls
        nonlocal total
        total += 1
        calls += 1

    return add


def generator():
    received = yield
    yield received
    yield from others()


def not_a_generator():
    return lambda: (yield)
