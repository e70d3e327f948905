"""Old lines as tables: what is converted, what is kept and why, without a kernel."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

import pytest

from kmodd.core.conversion import convert
from kmodd.core.old_lines import LOAD, UNREAD, WORD, Conversion, Known, OldLine
from kmodd.core.option_words import option
from kmodd.model import ModuleInfo, Parameter
from kmodd.names import ModuleName
from kmodd.shown import Location

_TYPES = (("debug", "bool"), ("level", "int"))


def info(name: str, **facts: object) -> ModuleInfo:
    """A module that the tree has."""
    given = {"path": f"/{name}.ko", "parameter_types": _TYPES, **facts}
    return ModuleInfo(ModuleName(name), **given)  # type: ignore[arg-type]


INFOS = {
    each.name: each
    for each in (
        info("loop"),
        info("dm_mod"),
        info("raid1"),
        info("core", path="", builtin=True),
        info("net_pf_10", path="", alias_of=(ModuleName("ipv6"),)),
    )
}


def known(**changes: object) -> Known:
    """What the tree says; names of modules load them."""
    loads: Mapping[str, tuple[ModuleName, ...]] = {
        "loop": (ModuleName("loop"),),
        "net-pf-10": (ModuleName("ipv6"),),
        "core": (ModuleName("core"),),
        "raid1": (ModuleName("raid1"),),
    }
    facts = {"matches": lambda pattern, name: fnmatchcase(name, pattern), "infos": INFOS, "loads": loads}
    return Known(**{**facts, **changes})  # type: ignore[arg-type]


def lines(*texts: str) -> list[OldLine]:
    """Lines of one file, numbered from 1."""
    return [_line(Location("/x.conf", number), text) for number, text in enumerate(texts, 1)]


def _line(location: Location, text: str) -> OldLine:
    command, _, rest = text.partition(" ")
    subject, _, argument = rest.partition(" ")
    before, _, after = argument.partition(" post: ")
    return OldLine(
        location,
        command,
        subject if command == LOAD else subject.replace("-", "_"),
        argument,
        text,
        refuses=command == "install" and argument == "/bin/false",
        before=tuple(before.split()[1:]) if command == "softdep" else (),
        after=tuple(after.split()) if command == "softdep" else (),
    )


def said(conversion: Conversion) -> dict[str, dict[str, object]]:
    """Tables as names, keys and values."""
    return {table.name: {v.key: v.value for v in table.values} for table in conversion.tables}


def kept(conversion: Conversion) -> list[int]:
    """Numbers of the lines that are kept."""
    return [each.line.location.line for each in conversion.kept]


def test_options_become_parameters_of_an_auto_module() -> None:
    found = convert(lines("options loop level=1 debug", "options loop name=x"), known())
    assert said(found) == {
        "loop": {
            "state": "auto",
            "parameters.level": "1",
            "parameters.debug": "Y",
            "parameters.name": "x",
        }
    }
    places = {v.key: [line.location.line for line in v.lines] for v in found.tables[0].values}
    assert places == {"state": [], "parameters.level": [1], "parameters.debug": [1], "parameters.name": [2]}
    assert kept(found) == []


def test_of_two_values_the_last_counts_and_the_other_is_told() -> None:
    (table,) = convert(lines("options loop level=1", "options loop level=2"), known()).tables
    assert table.values[1].value == "2"
    assert table.notes == ("level: /x.conf:2 comes after /x.conf:1, which said '1'",)


@pytest.mark.parametrize("word", ["level", 'a="b', 'a=b"c', "a=b\x01", "-- x", "='"])
def test_all_options_of_a_module_are_kept_where_one_cannot_be_said(word: str) -> None:
    found = convert(lines("options loop level=1", f"options loop {word}", "options raid1 level=3"), known())
    assert kept(found) == [1, 2]
    assert said(found) == {"raid1": {"state": "auto", "parameters.level": "3"}}


ONE_BY_ONE = "kmodd declares modules one by one, by their names"
NO_COMMANDS = "kmodd runs no commands"
NOTHING_AFTER = 'kmodd declares what goes before a module, and nothing that follows it ("post:")'
ALIAS = "net_pf_10 is an alias of ipv6, and the line is about the alias"
BLACKLIST = (
    "it keeps aliases from loading the module and nobody who names it, which no state of kmodd does: "
    '"unloaded" would take it out again as well'
)
STRANGE = "nosuch is no module of this kernel, so that kmodd could not want it"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("options core level=1", "core is built into this kernel, so that nobody has obeyed it; kmodd would"),
        ("options net-pf-10 level=1", ALIAS),
        ("options lo*p level=1", ONE_BY_ONE),
        ("options loop level", "/x.conf:1 has 'level', which cannot be written as a parameter"),
        ("blacklist loop", BLACKLIST),
        ("install loop /bin/sh -c 'x'", NO_COMMANDS),
        ("install net_pf_10 /bin/false", ALIAS),
        ("install loo* /bin/false", ONE_BY_ONE),
        ("remove loop /bin/x", NO_COMMANDS),
        ("alias a-b loop", "kmodd has no aliases of its own"),
        ("weakdep loop raid1", "it is for those who make an initramfs, and loads nothing"),
        ("softdep loop pre: dm_mod post: raid1", NOTHING_AFTER),
        ("softdep loop pre:", NOTHING_AFTER),
        ("softdep dm_mod pre: dm-mod", "it names itself, which libkmod passes over"),
        ("softdep loop pre: nosuch", STRANGE),
        ("softdep nosuch pre: loop", STRANGE),
    ],
)
def test_what_has_no_equivalent_is_kept_with_the_reason(text: str, reason: str) -> None:
    found = convert(lines(text), known())
    assert [(each.line.text, each.reason) for each in found.kept] == [(text, reason)]
    assert (found.tables, found.spent) == ((), ())


def test_options_under_two_names_of_a_module_stay_in_their_order() -> None:
    tree = known(loads={"nbd0": (ModuleName("loop"),)})
    found = convert(lines("options nbd0 level=1", "options loop level=2", "options dm_mod level=3"), tree)
    assert [each.reason for each in found.kept] == [
        "nbd0 has options under loop too, and their order counts",
        "loop has options under nbd0 too, and their order counts",
    ]
    assert list(said(found)) == ["dm_mod"]


def test_options_of_a_module_whose_name_is_made_an_alias_stay() -> None:
    texts = ("alias lo* raid1", "options loop level=2", "install loop /bin/false", "options dm_mod level=3")
    found = convert(lines(*texts), known())
    assert {each.reason for each in found.kept[1:]} == {
        "an alias of modprobe.d makes loop mean something else"
    }
    assert (kept(found), list(said(found))) == ([1, 2, 3], ["dm_mod"])


def test_what_libkmod_does_not_understand_is_told() -> None:
    found = convert([OldLine(Location("/x", 1), UNREAD, text="optoins loop")], known())
    assert found.kept[0].reason == "libkmod does not understand it, so it has had no effect"


def test_a_denial_takes_the_blacklist_in() -> None:
    found = convert(lines("blacklist loop", "install loop /bin/false", "blacklist raid1"), known())
    assert said(found) == {"loop": {"state": "denied"}}
    assert sorted(line.location.line for line in found.tables[0].values[0].lines) == [1, 2]
    assert kept(found) == [3]


@pytest.mark.parametrize("softdeps", [[], ["softdep loop pre: dm_mod"]])
def test_a_denial_that_libkmod_ignored_is_told(softdeps: list[str]) -> None:
    tree = known() if softdeps else known(softdeps=frozenset({"loop"}))
    found = convert(lines("install loop /bin/false", *softdeps), tree)
    assert found.tables[0].notes == (
        "libkmod ignores the old line, because the module has softdeps; kmodd keeps it out",
    )
    reasons = [each.reason for each in found.kept]
    assert reasons == (["loop is denied, and kmodd's own line comes first"] if softdeps else [])


def test_a_denial_of_a_builtin_is_told() -> None:
    (table,) = convert(lines("install core /bin/false"), known()).tables
    assert table.notes == ("it is built into this kernel, so that nothing keeps it out; kmodd says so",)


def test_the_first_install_line_counts() -> None:
    found = convert(lines("install loop /bin/x", "install loop /bin/false"), known())
    assert (kept(found), found.tables) == ([1, 2], ())
    found = convert(lines("install lo* /bin/x", "install loop /bin/false"), known())
    assert (kept(found), found.tables) == ([1, 2], ())
    found = convert(lines("install loop /bin/false", "install loop /bin/x"), known())
    assert (kept(found), said(found)) == ([2], {"loop": {"state": "denied"}})
    assert found.kept[0].reason == "/x.conf:1 comes before it and is the one that counts"


def test_nothing_is_declared_of_what_a_command_loads() -> None:
    found = convert(
        lines("install loop /bin/x", "options loop level=1", "softdep loop pre: dm_mod", "load loop"),
        known(),
    )
    assert (kept(found), found.tables) == ([1, 2, 3, 4], ())
    why = "loop has an install command (/x.conf:1), which kmodd does not run"
    assert {each.reason for each in found.kept[1:]} == {why}


def test_a_softdep_becomes_wants_where_it_is_the_only_one() -> None:
    found = convert(lines("softdep loop pre: dm-mod raid1"), known())
    assert said(found) == {"loop": {"state": "auto", "wants": ("dm_mod", "raid1")}}
    twice = convert(lines("softdep loop pre: dm_mod", "softdep l* pre: raid1"), known())
    assert (kept(twice), twice.tables) == ([1, 2], ())
    assert twice.kept[0].reason == "loop has other softdeps, and of several the first line counts"
    tree = convert(lines("softdep loop pre: dm_mod"), known(softdeps=frozenset({"loop"})))
    assert kept(tree) == [1]


def test_a_softdep_on_what_is_denied_stays() -> None:
    found = convert(lines("install raid1 /bin/false", "softdep loop pre: raid1"), known())
    assert (kept(found), said(found)) == ([2], {"raid1": {"state": "denied"}})
    assert found.kept[0].reason == "raid1 is denied"


def test_names_to_load_become_modules() -> None:
    found = convert(lines("load loop", "load net-pf-10", "load core", "load out-of-tree"), known())
    assert {name: table["state"] for name, table in said(found).items()} == {
        "core": "loaded",
        "ipv6": "loaded",
        "loop": "loaded",
        "out_of_tree": "loaded",
    }
    assert [table.name for table in found.tables if table.notes] == ["ipv6", "out_of_tree"]


ELSEWHERE = "loop was never loaded by it, because an install line or the kernel command line keeps it out"


@pytest.mark.parametrize(
    ("old", "why"),
    [
        ("blacklist loop", "loop was never loaded by it, because /x.conf:1 keeps it out"),
        ("install loop /bin/false", ELSEWHERE),
        ("word", ELSEWHERE),
    ],
)
def test_what_was_never_loaded_is_not_loaded_now(old: str, why: str) -> None:
    word = OldLine(Location("/proc/cmdline"), WORD, text="modprobe.blacklist=loop")
    given = [word] if old == "word" else lines(old)
    found = convert([*given, *lines("load loop")], known())
    assert "loaded" not in [table.get("state") for table in said(found).values()]
    assert [(each.line.text, each.reason) for each in found.spent] == [("load loop", why)]
    if old == "word":
        assert found.kept[0].reason == "the kernel and modprobe obey it, and kmodd shows it as the reason"


def test_a_name_that_no_module_can_have_loads_nothing() -> None:
    found = convert([*lines("load a.b"), OldLine(Location("/m", 1), LOAD, "loop max=1")], known())
    reasons = [each.reason for each in found.spent]
    assert (found.tables, reasons) == (
        (),
        ["no module has such a name, so that it has loaded nothing"] * 2,
    )


def test_the_command_line_outdoes_modprobe_d() -> None:
    word = OldLine(Location("/proc/cmdline"), WORD, "loop", "level=9", "loop.level=9")
    found = convert([*lines("options loop level=1"), word], known())
    assert said(found) == {"loop": {"state": "auto", "parameters.level": "9"}}
    kept_options = convert([*lines("options loop level"), word], known())
    assert [each.line.command for each in kept_options.kept] == ["options", WORD]
    assert kept_options.kept[1].reason == "it stays in force, and kmodd does not set it"


def test_every_line_is_somewhere() -> None:
    texts = [
        "options loop level=1",
        "blacklist raid1",
        "load raid1",
        "remove x y",
        "install dm_mod /bin/false",
    ]
    found = convert(lines(*texts), known())
    places = {line.location.line for table in found.tables for v in table.values for line in v.lines}
    places |= {each.line.location.line for each in (*found.kept, *found.spent)}
    assert places == set(range(1, len(texts) + 1))


def test_without_a_tree_names_are_taken_for_modules() -> None:
    found = convert(
        lines("options net-pf-10 a=1", "load nosuch"),
        Known(lambda _pattern, _name: False, has_tree=False),
    )
    assert said(found) == {
        "net_pf_10": {"state": "auto", "parameters.a": "1"},
        "nosuch": {"state": "loaded"},
    }
    assert [table.notes for table in found.tables] == [(), ()]


def test_a_name_to_load_that_is_an_alias_is_no_module_without_a_tree() -> None:
    found = convert(
        lines("alias my_disk loop", "load my-disk"),
        Known(lambda pattern, name: pattern == name, has_tree=False),
    )
    assert (kept(found), found.tables) == ([1, 2], ())
    assert found.kept[1].reason == "an alias of modprobe.d makes my-disk mean something else"


def test_without_a_tree_nobody_knows_what_a_module_could_want() -> None:
    found = convert(lines("softdep loop pre: raid1"), Known(lambda _pattern, _name: False, has_tree=False))
    (kept_line,) = found.kept
    assert kept_line.reason == (
        "without a module tree nobody knows whether loop is a module that kmodd could want"
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("a=1", Parameter("a", "1")),
        ("a=", Parameter("a", "")),
        ('a="b c"', Parameter("a", "b c")),
        ('"a=b c"', Parameter("a", "b c")),
        ("a=b=c", Parameter("a", "b=c")),
        ("debug", Parameter("debug", "Y")),
        ("level", None),
        ("nosuch", None),
        ('a="b', None),
        ('a=b"c d"', None),
        ("a=\udcff", None),
        ("a b=1", None),
        ('"', None),
        ("--", None),
    ],
)
def test_words_of_options(word: str, expected: Parameter | None) -> None:
    assert option(word, info("loop")) == expected
