"""The whole command line as argparse reads it: with help, version, and sentences for what is wrong.

Imported for lines that ``kmodd.cli.usual`` leaves to it.
"""

from argparse import SUPPRESS, ArgumentParser
from collections.abc import Sequence

from kmodd import __version__
from kmodd.cli.commands import COMMANDS, DEFAULT
from kmodd.cli.terminal.output import Options


def interpreted(line: Sequence[str]) -> Options:
    """What any line says; ends the process for --help, --version and what is wrong."""
    whole = parser()
    options = whole.parse_args(line, Options())
    return options if options.command else whole.parse_args([*line, DEFAULT], Options())


def parser() -> ArgumentParser:
    """The whole command line."""
    whole = ArgumentParser(
        prog="kmoddctl",
        description="Ask and control kmodd, which keeps kernel modules as files declare them.",
    )
    whole.add_argument("--version", action="version", version=f"kmoddctl {__version__}")
    _add_json(whole, default=False)
    subparsers = whole.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in COMMANDS:
        own = subparsers.add_parser(command.name, help=command.summary, description=f"{command.summary}.")
        _add_json(own, default=SUPPRESS)
        command.arguments(own)
        own.set_defaults(module_name=command.module, function=command.function)
    return whole


def _add_json(one: ArgumentParser, default: bool | str) -> None:
    one.add_argument("--json", action="store_true", default=default, help="one JSON document a line")
