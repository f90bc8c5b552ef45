"""Calls whose result depends on their arguments alone, and calls that never give the same result twice."""

from __future__ import annotations

PURE_FUNCTIONS = frozenset(
    """
    abs ascii bool bytes chr deque enumerate float format frozenset getattr hash hex id int isinstance iter len list
    max min oct ord range repr reversed set sorted str sum tuple type zip blake2b blake2s md5 sha1 sha224 sha256 sha384
    sha512 crc32 adler32 b64encode urlsafe_b64encode hexlify UUID uuid3 uuid5 Path
    PurePath
    """.split()
)
PURE_METHODS = frozenset(
    """
    as_posix casefold copy decode digest encode endswith format hexdigest hex isoformat items join keys lower lstrip
    removeprefix removesuffix replace resolve rstrip split startswith strip title total_seconds upper values
    """.split()
)
FRESH_FUNCTIONS = frozenset("next uuid1 uuid4 uuid7 token_bytes token_hex token_urlsafe urandom".split())
"""Each call gives what no call gave before."""
