"""Which module may have been meant by a name that no module has.

Imported by the loader: nothing heavy in here.
"""

from functools import cached_property
from typing import Final

from kmodd.kernel.reading import read_bounded
from kmodd.names import is_module_name

_LIST_LIMIT: Final = 2**24
_ANSWERS_LIMIT: Final = 3
# A comparison with the names of a distribution's kernel takes 20 to 90 ms.
_QUESTIONS_LIMIT: Final = 8


class SimilarNames:
    """Names of the modules of a tree, read when they are first needed; answers only so many questions."""

    def __init__(self, tree: str) -> None:
        self._tree = tree
        self._questions = 0

    def to(self, name: str) -> list[str]:
        """At most three names that are like ``name``, the likest first."""
        self._questions += 1
        if self._questions > _QUESTIONS_LIMIT:
            return []
        # Imported late: most lookups are for names that exist.
        from difflib import get_close_matches  # noqa: PLC0415

        return get_close_matches(name, self._names, _ANSWERS_LIMIT)

    @cached_property
    def _names(self) -> list[str]:
        """Canonical names of all modules, builtin ones included (modules.dep(5), modules.builtin)."""
        paths = [line.partition(":")[0] for line in _lines(f"{self._tree}/modules.dep")]
        paths += _lines(f"{self._tree}/modules.builtin")
        bases = (path.rpartition("/")[2].partition(".")[0].replace("-", "_") for path in paths)
        return list(dict.fromkeys(filter(is_module_name, bases)))


def _lines(path: str) -> list[str]:
    return read_bounded(path, _LIST_LIMIT).decode("utf-8", "replace").splitlines()
