"""``kmoddctl schema [KIND]``: the JSON schema of the files, made from what the compiler uses; for editors."""

from collections.abc import Iterable

from kmodd.cli.terminal.output import Options, Output
from kmodd.cli.terminal.render import Style
from kmodd.config.json_schema import FILES, json_schema, text


def schema(options: Options, output: Output) -> int:
    """Print a schema as it is shipped; with ``json`` the same in one line."""
    root, title = FILES[f"{options.kind}.schema.json"]

    def lines(_style: Style) -> Iterable[str]:
        return text(root, title).splitlines()

    output.show(json_schema(root, title), lines)
    return 0
