"""What the compiler says of files before they are in their place, beside all that are configured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from kmodd.config.check import check
from kmodd.config.compile import compile_files
from kmodd.config.last_good import LastGood
from kmodd.config.layers import scan
from kmodd.config.paths import ConfigPaths
from kmodd.errors import ErrorKind, KmoddError
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName, printable
from kmodd.shown import Issue, Severity


class Candidate(NamedTuple):
    """The content of a file that is to be, and how it is called in messages."""

    shown: str
    content: bytes


def refuse_wrong(candidates: Mapping[str, Candidate], paths: ConfigPaths) -> None:
    """Raises INVALID_CONFIG with every error that files of these names would bring, and FAILED.

    A file of the same name gives way; what is wrong without them is not their fault.
    """
    others = [file.path for file in scan(paths).visible if file.name not in candidates]
    known = {issue for issue in check(others) if issue.severity is Severity.ERROR}
    with _written(candidates) as directory:
        found = check([*others, *(Path(directory, name) for name in candidates)])
        errors = [issue for issue in found if issue.severity is Severity.ERROR and issue not in known]
        if errors:
            lines = "\n".join(_line(issue, directory, candidates) for issue in errors)
            raise KmoddError(ErrorKind.INVALID_CONFIG, lines)


@contextmanager
def _written(candidates: Mapping[str, Candidate]) -> Iterator[str]:
    """A directory with the files, for as long as they are looked at. Raises FAILED."""
    try:
        with TemporaryDirectory(prefix="kmoddctl-") as directory:
            for name, candidate in candidates.items():
                Path(directory, name).write_bytes(candidate.content)
            yield directory
    except OSError as error:
        message = f"files cannot be written for the time in which they are judged: {error.strerror}"
        raise KmoddError(
            ErrorKind.FAILED, message, "see that /tmp, or TMPDIR, is writable and not full"
        ) from error


def declared_without(names: frozenset[str], paths: ConfigPaths) -> frozenset[ModuleName]:
    """Modules that files declare, were there none of these ``names``."""
    found = scan(paths)
    without = found._replace(files=tuple(file for file in found.files if file.name not in names))
    declarations = compile_files(without, LastGood()).catalog.declarations
    return frozenset(declaration.name for declaration in declarations)


def _line(issue: Issue, directory: str, candidates: Mapping[str, Candidate]) -> str:
    """An error as compilers write it, its file called as the person knows it."""
    text = f"{issue.location}: {issue.message} ({issue.hint})"
    for name, candidate in candidates.items():
        text = text.replace(printable(str(Path(directory, name))), printable(candidate.shown))
    return text
