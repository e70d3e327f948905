"""What a child of the loader answers without changing anything, one function for each verb.

Imported by the loader: nothing heavy in here.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from kmodd.errors import KmoddError
from kmodd.kernel import sysfs
from kmodd.kernel.denial import restrain
from kmodd.kernel.ethtool import driver_name
from kmodd.kernel.file_cache import read_into_cache
from kmodd.kernel.inventory import look_up
from kmodd.kernel.libkmod import Context
from kmodd.kernel.symbols import symbols_of
from kmodd.kernel.tools import Tools, checked_name
from kmodd.kernel.users import users_of
from kmodd.kernel.verbs import DIGESTS, LOOKUP, PARAMETERS, RESTRAINT, SYMBOLS, USERS
from kmodd.kernel.wire import Answer, Places

Body = dict[str, Any]


def _lookup(body: Body, tools: Tools) -> Answer:
    with_modinfo = frozenset(body["with_modinfo"])
    return Answer(modules=look_up(tools.library(), _places(body, tools), body["names"], with_modinfo))


def _restraint(body: Body, tools: Tools) -> Answer:
    denied, rendered = (map(checked_name, body[key]) for key in ("denied", "rendered"))
    return Answer(restraint=restrain(tools.library(), _places(body, tools), denied, rendered))


def _parameters(body: Body, tools: Tools) -> Answer:
    names = map(checked_name, body["names"])
    return Answer(parameters={name: sysfs.read_parameters(tools.places.sys, name) for name in names})


def _symbols(body: Body, tools: Tools) -> Answer:
    return Answer(symbols=symbols_of(tools.library(), tools.places, checked_name(body["module"])))


def _digests(body: Body, tools: Tools) -> Answer:
    """Of the files at ``paths``; one that cannot be read has none, and so is none that is known."""
    del tools
    found = {}
    for path in body["paths"]:
        with suppress(OSError):
            found[path] = read_into_cache(path)
    return Answer(digests=found)


def _users(body: Body, tools: Tools) -> Answer:
    """Without libkmod or a module tree a little less is found, and that is no failure."""
    names = [checked_name(name) for name in body["names"]]
    try:
        library = tools.library()
    except KmoddError:
        return Answer(users=users_of(tools.places, names, lambda _alias: (), driver_name))
    with Context(library, tools.places.module_tree, ()) as context:

        def resolve(alias: str) -> tuple[str, ...]:
            try:
                return context.resolve(alias)
            except OSError:
                return ()

        return Answer(users=users_of(tools.places, names, resolve, driver_name))


def _places(body: Body, tools: Tools) -> Places:
    """The usual ones; which file is kmodd's own comes with the request."""
    return tools.places._replace(modprobe_file=body["modprobe_file"])


QUESTIONS: Final[Mapping[bytes, Callable[[Body, Tools], Answer]]] = {
    LOOKUP: _lookup,
    RESTRAINT: _restraint,
    PARAMETERS: _parameters,
    SYMBOLS: _symbols,
    USERS: _users,
    DIGESTS: _digests,
}
