"""Provenance of a module: values in force, what they replaced, and what others say."""

import pytest

from kmodd.core.explain import of_key, provenance, said_elsewhere, settings
from kmodd.model import ConfLine, Declaration, ModuleInfo
from kmodd.names import ModuleName
from kmodd.shown import Location, Source

SOUND = ModuleName("snd_hda_intel")
CONF = "/etc/modprobe.d/sound.conf"


def at(number: int) -> Location:
    return Location(f"/etc/kmodd.d/{number}0.toml", number, 1)


def line(text: str, number: int = 1) -> ConfLine:
    return ConfLine(Location(CONF, number), text)


def test_each_value_stands_before_what_it_replaced_newest_first() -> None:
    declaration = Declaration(
        SOUND,
        sources=(
            Source("parameters.a", "3", at(3)),
            Source("reason", '"x"', at(1)),
            Source("state", "s", at(3)),
        ),
        replaced=(
            Source("parameters.a", "1", at(1)),
            Source("parameters.a", "2", at(2)),
            Source("state", "t", at(1)),
        ),
    )
    assert provenance(declaration, ModuleInfo(SOUND), ()) == (
        Source("parameters.a", "3", at(3)),
        Source("replaced parameters.a", "2", at(2)),
        Source("replaced parameters.a", "1", at(1)),
        Source("reason", '"x"', at(1)),
        Source("state", "s", at(3)),
        Source("replaced state", "t", at(1)),
    )


def test_others_have_a_say_in_what_no_file_declares() -> None:
    info = ModuleInfo(SOUND, conf_lines=(line("blacklist snd-hda-intel", 7),))
    assert provenance(None, info, ("quiet", "snd-hda-intel.index=1")) == (
        Source("modprobe.d blacklist", "snd-hda-intel", Location(CONF, 7)),
        Source("command line", "snd-hda-intel.index=1", Location("/proc/cmdline")),
    )


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        (
            "options snd-hda-intel index=1  model=auto",
            "modprobe.d options",
            "snd-hda-intel index=1  model=auto",
        ),
        ("install snd_hda_intel /bin/false", "modprobe.d install", "snd_hda_intel /bin/false"),
        ("softdep\tsnd-hda-intel pre: a", "modprobe.d softdep", "snd-hda-intel pre: a"),
        ("blacklist", "modprobe.d blacklist", ""),
    ],
)
def test_a_line_of_modprobe_d_is_a_row(text: str, key: str, value: str) -> None:
    info = ModuleInfo(SOUND, conf_lines=(line(text),))
    assert said_elsewhere(info, ()) == (Source(key, value, Location(CONF, 1)),)


@pytest.mark.parametrize(
    ("word", "concerned"),
    [
        ("snd_hda_intel.index=1", True),
        ("snd-hda_intel.index=1", True),
        ("snd_hda_intel.flag", True),
        ("snd_hda_intel", False),
        ("snd_hda_intel=1", False),
        ("snd_hda.index=1", False),
        ("root=snd_hda_intel.x", False),
        ("module_blacklist=snd_hda_intel", True),
        ("module_blacklist=loop,snd-hda-intel", True),
        ("modprobe.blacklist=snd_hda_intel,loop", True),
        ("kmodd.skip=snd-hda-intel", True),
        ("kmodd.skip=snd_hda,loop", False),
        ("module_blacklist=", False),
        ("initcall_blacklist=snd_hda_intel", False),
        ("quiet", False),
        ("", False),
    ],
)
def test_which_words_of_the_command_line_concern_a_module(word: str, concerned: bool) -> None:
    assert bool(said_elsewhere(ModuleInfo(SOUND), (word,))) is concerned


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (Source("modprobe.d options", "loop max-loop=8", at(1)), [("max_loop", "8")]),
        (Source("modprobe.d options", "loop a=1 a=2", at(1)), [("a", "1"), ("a", "2")]),
        (
            Source("modprobe.d options", 'loop a="x y" "b=x y" c=', at(1)),
            [("a", "x y"), ("b", "x y"), ("c", "")],
        ),
        (Source("modprobe.d options", "loop flag", at(1)), [("flag", "1")]),
        (Source("modprobe.d options", "loop", at(1)), []),
        (Source("modprobe.d install", "loop a=1", at(1)), []),
        (Source("command line", "loop.max_loop=8", at(1)), [("max_loop", "8")]),
        (Source("command line", "loop.a=x y", at(1)), [("a", "x y")]),
        (Source("command line", "loop.a.b=1.5", at(1)), [("a.b", "1.5")]),
        (Source("command line", "modprobe.blacklist=loop", at(1)), []),
        (Source("command line", "kmodd.skip=loop", at(1)), []),
        (Source("parameters.a", "1", at(1)), []),
    ],
)
def test_what_others_set(row: Source, found: list[tuple[str, str]]) -> None:
    assert [(each.parameter, each.value) for each in settings([row])] == found
    assert all(each.said is row for each in settings([row]))


_ROWS = (
    Source("parameters.index", "1", at(2)),
    Source("replaced parameters.index", "0", at(1)),
    Source("parameters.power_save", "5", at(2)),
    Source("state", '"loaded"', at(2)),
    Source("replaced state", '"auto"', at(1)),
    Source("when.kernel", '">=6"', at(2)),
    Source("modprobe.d options", "snd-hda-intel index=2", at(3)),
    Source("modprobe.d blacklist", "snd-hda-intel", at(3)),
    Source("command line", "snd-hda-intel.power-save=0", at(4)),
    Source("command line", "module_blacklist=snd_hda_intel", at(4)),
)


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("state", [3, 4]),
        ("when", [5]),
        ("parameters.index", [0, 1, 6]),
        ("parameters.power-save", [2, 8]),
        ("parameters", [0, 1, 2, 6, 8]),
        ("modprobe.d blacklist", [7]),
        ("command line", [8, 9]),
        ("index", []),
        ("param", []),
        ("", []),
    ],
)
def test_a_key_brings_all_that_is_said_of_it(key: str, found: list[int]) -> None:
    assert of_key(_ROWS, key) == tuple(_ROWS[index] for index in found)
