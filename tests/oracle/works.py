"""Shapes of the work between insertion and eviction: one reply out of calls that may raise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .program import Lines
    from .scene import Scene

WORKS = (
    "plain",
    "two-calls",
    "swallow",
    "swallow-some",
    "reraise",
    "wrap",
    "except-star",
    "several-managers",
    "match",
    "try-else",
    "retry",
    "nested-try",
)
SWALLOWING = ("swallow", "except-star")
"""They let no exception out, a cancellation excepted."""


def ask(scene: Scene, key: str, value: str | None, row: str) -> str:
    """The call that does the work."""
    subject, arguments = (scene.backend, f"{key}, {row}") if value is None else (value, row)
    if scene.unit_is_async:
        return f"await {subject}.{scene.theme.ask_async}({arguments})"
    return f"{subject}.{scene.theme.ask}({arguments})"


def review(scene: Scene, what: str) -> str:
    """A second call that may raise."""
    return f"await {scene.backend}.check({what})" if scene.unit_is_async else f"{scene.backend}.review({what})"


def work(scene: Scene, key: str, value: str | None, row: str) -> Lines:
    """Lines that bind `reply`."""
    asked = f"reply = {ask(scene, key, value, row)}"
    match scene.choice.work:
        case "plain":
            return [asked]
        case "two-calls":
            return [asked.replace("reply =", "draft ="), f"reply = {review(scene, 'draft')}"]
        case "swallow":
            return ["try:", [asked], "except Exception:", ["reply = None"]]
        case "swallow-some":
            return ["try:", [asked], "except (ConnectionError, ValueError):", ["reply = None"]]
        case "reraise":
            return ["try:", [asked], "except Exception:", ['logger.debug("no reply")', "raise"]]
        case "wrap":
            return [
                "try:",
                [asked],
                "except Exception as error:",
                ['raise RuntimeError("no reply") from error'],
            ]
        case "except-star":
            return ["try:", [asked], "except* Exception:", ["reply = None"]]
        case _:
            return _compound(scene, asked)


def _compound(scene: Scene, asked: str) -> Lines:
    opening = f"with {scene.backend}.span() as span, {scene.backend}.timer():"
    match scene.choice.work:
        case "several-managers":
            return [opening, [asked, "span.note(reply)"]]
        case "match":
            return [
                asked,
                "match reply:",
                ["case None:", ['reply = "nothing"'], "case str():", [f"reply = {review(scene, 'reply')}"]],
            ]
        case "try-else":
            return [
                "try:",
                [asked],
                "except TimeoutError:",
                ["reply = None"],
                "else:",
                [f"reply = {review(scene, 'reply')}"],
            ]
        case "retry":
            return [
                "reply = None",
                "for attempt in range(3):",
                ["try:", [asked, "break"], "except ConnectionError:", ['logger.debug("attempt %d failed", attempt)']],
            ]
        case "nested-try":
            return [
                "try:",
                ["try:", [asked], "except KeyError:", ["reply = None"]],
                "except Exception:",
                ["raise"],
            ]
    raise ValueError(scene.choice.work)
