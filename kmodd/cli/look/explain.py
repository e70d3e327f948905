"""``kmoddctl explain MODULE [KEY]``: which file and line gave a value, and what it replaced."""

from kmodd.cli.bus.manager import ask
from kmodd.cli.look.module import source_cells
from kmodd.cli.terminal.output import Options, Output
from kmodd.cli.terminal.render import table
from kmodd.errors import ErrorKind, KmoddError
from kmodd.names import module_name, printable
from kmodd.shown import REPLACED, Source

_HEADER = ("KEY", "VALUE", "PLACE")


def explain(options: Options, output: Output) -> int:
    """Provenance of a module's values, or of one key's; raises NOT_FOUND where nothing is said."""
    name = module_name(options.module)
    with ask() as manager:
        sources = manager.explain(name)
    if options.key is not None:
        sources = _of_key(sources, options.key, name)
    output.show(sources, lambda style: table(_HEADER, source_cells(sources), style))
    return 0


def _of_key(sources: tuple[Source, ...], key: str, name: str) -> tuple[Source, ...]:
    """What is said of ``key``, or of everything in the table that it is."""
    from kmodd.core.explain import of_key  # noqa: PLC0415  not needed without a key

    found = of_key(sources, key)
    if not found:
        said = dict.fromkeys(each.key for each in sources if not each.key.startswith(REPLACED))
        raise KmoddError(
            ErrorKind.NOT_FOUND,
            f"no file says {printable(key)!r} of module {name}",
            f"said are: {', '.join(said)}",
        )
    return found
