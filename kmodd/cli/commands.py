"""The commands as a table: what they are called, what they take, and where they are.

Each lives in a module of its own kind, imported when it is called: nobody waits for what he does not use.
"""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import NamedTuple

DEFAULT = "status"


class Command(NamedTuple):
    """A command; its function, in a module of ``kmodd.cli``, takes options and Output; the exit status."""

    name: str
    module: str
    function: str
    summary: str
    arguments: Callable[[ArgumentParser], None]


def _nothing(_parser: ArgumentParser) -> None:
    """For a command that takes no arguments."""


def _optional_module(parser: ArgumentParser) -> None:
    parser.add_argument("module", nargs="?", metavar="MODULE", help="everything about this module")


def _module_and_key(parser: ArgumentParser) -> None:
    parser.add_argument("module", metavar="MODULE")
    parser.add_argument("key", nargs="?", metavar="KEY", help="only this key, or the keys of this table")


def _target(parser: ArgumentParser) -> None:
    parser.add_argument("--root", metavar="DIR", help="the system below this directory, not this one")
    parser.add_argument("--kernel", metavar="RELEASE", help="the kernel whose modules count")


def _files(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="file or directory; without any, what is configured"
    )
    parser.add_argument("--sarif", action="store_true", help="write a SARIF 2.1.0 log")
    parser.add_argument("--strict", action="store_true", help="let warnings fail as well")
    _target(parser)


def _plan(parser: ArgumentParser) -> None:
    parser.add_argument("--offline", action="store_true", help="plan from files, without a daemon")
    _target(parser)


def _import(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--output", metavar="DIR", default="-", help="write files there; - prints, as without it"
    )
    _target(parser)


def _svg(parser: ArgumentParser) -> None:
    parser.add_argument("--svg", action="store_true", help="draw a picture (SVG)")


def _graph(parser: ArgumentParser) -> None:
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--dot", action="store_true", help="write a graph for dot(1)")
    one.add_argument("--svg", action="store_true", help="draw a picture (SVG)")


COMMANDS = (
    Command(
        "status",
        "overview",
        "status",
        "show how kmodd and its modules stand, or one module",
        _optional_module,
    ),
    Command("list", "overview", "list_modules", "list the managed modules", _nothing),
    Command("plan", "passes", "plan", "show what a pass would do now; changes nothing", _plan),
    Command("explain", "explain", "explain", "show which file and line gave a value", _module_and_key),
    Command("check", "check", "check", "check files, without a daemon", _files),
    Command("reload", "passes", "reload", "have the files compiled again", _nothing),
    Command("reconcile", "passes", "reconcile", "make one whole pass now", _nothing),
    Command(
        "import",
        "imports",
        "import_files",
        "write what modprobe.d and modules-load.d say as a file of kmodd",
        _import,
    ),
    Command("graph", "graph", "show_graph", "show modules in the order of loading, and why", _graph),
    Command("timeline", "timeline", "timeline", "show when modules were loaded, and how long it took", _svg),
)
