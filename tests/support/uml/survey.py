"""What modprobe of a machine would do for every module and alias of its kernel, in three commands."""

from collections.abc import Iterable

from tests.support.guest.calls import GuestCalls
from tests.support.modprobe_answers import (
    SEPARATOR_FILE,
    SEPARATOR_LINE,
    Answers,
    Names,
    Survey,
    names_of,
    parse,
    separated,
)
from tests.support.uml.process import MODULES

# --show-depends answers as --dry-run --verbose does, whether the module is loaded by now or not.
_SHOW = ("modprobe", "--show-depends", "--all")
# The modules' own aliases and symbols follow, 5,000 lines that no file in modprobe.d is about.
_CONFIGURATION = ("sh", "-c", "modprobe --show-config | sed --quiet '/^#/q; /./p'")


def names_in(vm: GuestCalls, more: Iterable[str] = ()) -> Names:
    """Every module and alias of the machine's kernel, and ``more`` names."""
    tree = MODULES / vm.run("uname", "-r").check().stdout.strip()
    return names_of((tree / "modules.dep").read_text(), (tree / "modules.alias").read_text(), more)


def survey(vm: GuestCalls, names: Names) -> Survey:
    """What holds now; the file that separates the answers is gone afterwards."""
    vm.write(SEPARATOR_FILE, SEPARATOR_LINE)
    try:
        return Survey(
            by_name=_answers(vm, names),
            for_udev=_answers(vm, names, "--use-blacklist"),
            configuration=tuple(vm.run(*_CONFIGURATION).check().stdout.splitlines()),
        )
    finally:
        vm.remove(SEPARATOR_FILE)


def _answers(vm: GuestCalls, names: Names, *options: str) -> Answers:
    """The status says only whether every name was found, and some of the names are of other kernels."""
    queries = names.queries()
    return parse(queries, vm.run(*_SHOW, *options, *separated(queries)).stdout)
