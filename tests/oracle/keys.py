"""Key forms: the expressions that build a key out of a base key and what is special to an item."""

from __future__ import annotations

KEY_FORMS = ("fstring", "percent", "format", "named-format", "plus", "join", "tuple", "sha", "md5-of-join", "hash")


def derived(form: str, base: str, items: tuple[str, ...], mark: str = "r") -> str:
    """The key of an item; another `mark` makes another template."""
    values = (base, *items)
    texts = [base, *(f"str({item})" for item in items)]
    match form:
        case "base":
            return base if mark == "r" else derived("fstring", base, items, mark)
        case "fstring":
            return 'f"' + f"_{mark}".join(f"{{{value}}}" for value in values) + '"'
        case "percent":
            return f'"{f"_{mark}".join(["%s"] * len(values))}" % ({", ".join(values)})'
        case "format":
            return f'"{f"_{mark}".join(["{}"] * len(values))}".format({", ".join(values)})'
        case "named-format":
            names = ("base", "item", "part")[: len(values)]
            pairs = ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
            return f'"{f"_{mark}".join(f"{{{name}}}" for name in names)}".format({pairs})'
        case "plus":
            return f' + "_{mark}" + '.join(texts)
        case "join":
            return f'"_{mark}".join(({", ".join(texts)}))'
        case "tuple":
            return f"({', '.join(values)})" if mark == "r" else f'({base}, "{mark}", {", ".join(items)})'
        case "sha":
            return f"hashlib.sha256({derived('fstring', base, items, mark)}.encode()).hexdigest()"
        case "md5-of-join":
            return f"hashlib.md5({derived('join', base, items, mark)}.encode()).hexdigest()"
        case "hash":
            return f"hash({derived('tuple', base, items, mark)})"
    raise ValueError(form)


def swapped(form: str, base: str, items: tuple[str, ...]) -> str:
    """The same template with its holes in another order."""
    first, *others = items
    if form in ("join", "md5-of-join", "plus"):
        return derived(form, f"str({first})", (base, *others))
    return derived(form, first, (base, *others))
