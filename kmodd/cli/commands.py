"""The commands as a table: what they are called, what they take, and where they are.

Each is in one of three rooms, imported when it is called: nobody waits for what he does not use. ``look``
only asks the daemon, ``change`` changes something, ``offline`` needs no daemon. Below them are ``bus``, the
way to the daemon, and ``terminal``, how answers are written.
"""

from __future__ import annotations

from kmodd.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Group(Protocol):
        """Takes arguments."""

        def add_argument(self, name: str, /, **about: Any) -> object:
            """As ArgumentParser has it."""

    class Parser(Group, Protocol):
        """What a command says its arguments to: an ArgumentParser, or ``kmodd.cli.usual``."""

        def add_mutually_exclusive_group(self) -> Group:
            """As ArgumentParser has it."""


DEFAULT = "status"


class Command(NamedTuple):
    """A command; its function, in a module below ``kmodd.cli``, takes options and Output; the exit status."""

    name: str
    module: str
    function: str
    summary: str
    arguments: Callable[..., None]


def _nothing(_parser: Parser) -> None:
    """For a command that takes no arguments."""


def _optional_module(parser: Parser) -> None:
    parser.add_argument("module", nargs="?", metavar="MODULE", help="everything about this module")
    parser.add_argument("--all", action="store_true", help="list what is as declared, too")


def _module_and_key(parser: Parser) -> None:
    parser.add_argument("module", metavar="MODULE")
    parser.add_argument("key", nargs="?", metavar="KEY", help="only this key, or the keys of this table")


def _target(parser: Parser) -> None:
    parser.add_argument("--root", metavar="DIR", help="the system below this directory, not this one")
    parser.add_argument("--kernel", metavar="RELEASE", help="the kernel whose modules count")


def _files(parser: Parser) -> None:
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="file or directory; without any, what is configured"
    )
    parser.add_argument("--sarif", action="store_true", help="write a SARIF 2.1.0 log")
    parser.add_argument("--strict", action="store_true", help="let warnings fail as well")
    _target(parser)


def _plan(parser: Parser) -> None:
    parser.add_argument("--offline", action="store_true", help="plan from files, without a daemon")
    _target(parser)


def _import(parser: Parser) -> None:
    parser.add_argument(
        "--output", metavar="DIR", default="-", help="write files there; - prints, as without it"
    )
    _target(parser)


def _svg(parser: Parser) -> None:
    parser.add_argument("--svg", action="store_true", help="draw a picture (SVG)")


def _graph(parser: Parser) -> None:
    parser.add_argument("--dot", action="store_true", help="write a graph for dot(1)")
    _svg(parser)


def _module(parser: Parser) -> None:
    parser.add_argument("module", metavar="MODULE")


def _lasting(parser: Parser) -> None:
    """Until when it is wanted."""
    until = parser.add_mutually_exclusive_group()
    until.add_argument("--runtime", action="store_true", help="until the next boot (as without an option)")
    until.add_argument("--persistent", action="store_true", help="by a file in /etc/kmodd.d, for root")


def _module_wanted(parser: Parser) -> None:
    _module(parser)
    _lasting(parser)


def _module_and_parameters(parser: Parser) -> None:
    _module(parser)
    parser.add_argument(
        "assignments", nargs="+", metavar="PARAM=VALUE", help="a parameter, and the text that the kernel gets"
    )
    _lasting(parser)


def _trial(parser: Parser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="drop-ins to try")
    parser.add_argument(
        "--timeout", type=_seconds, default=60, metavar="SECONDS", help="when all is taken back (60)"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask: keep it if all is as declared")


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 6):
        from argparse import ArgumentTypeError  # noqa: PLC0415  it is there already, or not needed

        raise ArgumentTypeError("a number of seconds is wanted")
    return int(text)


def _kind_of_file(parser: Parser) -> None:
    kinds = ("kmodd.d", "kmodd.toml")
    parser.add_argument(
        "kind", nargs="?", metavar="KIND", choices=kinds, default=kinds[0], help=f"{kinds[0]} or {kinds[1]}"
    )


COMMANDS = (
    Command(
        "status",
        "look.overview",
        "status",
        "show how kmodd and its modules stand, or one module",
        _optional_module,
    ),
    Command("list", "look.overview", "list_modules", "list the managed modules", _nothing),
    Command("plan", "look.plan", "plan", "show what a pass would do now; changes nothing", _plan),
    Command("explain", "look.explain", "explain", "show which file and line gave a value", _module_and_key),
    Command("check", "offline.check", "check", "check files, without a daemon", _files),
    Command("reload", "change.passes", "reload", "have the files compiled again", _nothing),
    Command("reconcile", "change.passes", "reconcile", "make one whole pass now", _nothing),
    Command("retry", "change.control", "retry", "try at once what failed or was put off", _module),
    Command("release", "change.control", "release", "end the quarantine of a module", _module),
    Command("pause", "change.control", "pause", "stop enforcement; looking on goes on", _nothing),
    Command("resume", "change.control", "resume", "enforce again", _nothing),
    Command("load", "change.overrides", "load", "want a module loaded", _module_wanted),
    Command(
        "deny", "change.overrides", "deny", "want a module kept out, whoever asks for it", _module_wanted
    ),
    Command(
        "set",
        "change.overrides",
        "set_parameters",
        "want parameters of a module",
        _module_and_parameters,
    ),
    Command("clear", "change.overrides", "clear", "take away what load, deny and set have set", _module),
    Command("apply", "change.apply", "apply", "put the files in force, and show what happens", _nothing),
    Command("watch", "look.watch", "watch", "show what happens, as it happens", _nothing),
    Command("try", "change.trial", "try_files", "try files, and take all back unless it is kept", _trial),
    Command("symbols", "look.symbols", "symbols", "list the symbols of a module", _module),
    Command("memory", "look.memory", "memory", "list the managed modules by their memory", _nothing),
    Command("schema", "offline.schema", "schema", "print the JSON schema of the files", _kind_of_file),
    Command(
        "import",
        "offline.imports",
        "import_files",
        "write what modprobe.d and modules-load.d say as a file of kmodd",
        _import,
    ),
    Command("graph", "look.graph", "show_graph", "show modules in the order of loading, and why", _graph),
    Command(
        "timeline", "look.timeline", "timeline", "show when modules were loaded, and how long it took", _svg
    ),
)
