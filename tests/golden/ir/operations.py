"""Insertions and evictions, as the analysis meets them."""

cache = {}


def insert(key, value):
    cache[key] = value
    cache.setdefault(key, value)
    cache.setdefault(base, {})[key] = value
    cache.update({key: value})
    cache |= {key: value}
    seen.add(key)


def evict(key):
    cache.pop(key, None)
    del cache[key]
    seen.discard(key)
    cache.popitem()
    cache.clear()
    for stale in [k for k in cache if k.startswith(f"{key}_")]:
        del cache[stale]
