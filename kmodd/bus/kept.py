"""Answers of a pure function, kept as functools can do it, whose import takes too long for kmoddctl."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar, TypeVarTuple

    Given = TypeVarTuple("Given")
    T = TypeVar("T")


def kept(most: int) -> Callable[[Callable[[*Given], T]], Callable[[*Given], T]]:
    """A decorator: the function is asked once only, until there are ``most`` answers and all are forgotten.

    Strangers choose what is asked, so there has to be an end; in good company it is not reached. The function
    takes its arguments by position and never answers None.
    """

    def decorate(function: Callable[[*Given], T]) -> Callable[[*Given], T]:
        answers: dict[object, T] = {}

        def asked(*arguments: *Given) -> T:
            answer = answers.get(arguments)
            if answer is None:
                if len(answers) >= most:
                    answers.clear()
                answer = answers[arguments] = function(*arguments)
            return answer

        asked.answers = answers  # type: ignore[attr-defined]
        return asked

    return decorate
