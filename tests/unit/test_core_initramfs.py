"""Copies in the initramfs against the generated files: what counts as different, what is said of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.core.initramfs import Copies, Held, compare, tell
from kmodd.names import ModuleName
from kmodd.shown import Condition, Initramfs, Issue, Location, ModuleState, ModuleStatus, Severity
from tests.support.initramfs import generated

DISK, NET = ModuleName("disk"), ModuleName("net")
FIRST = generated("blacklist net", "install net /bin/false", "softdep net pre:", "options disk level=1")
LAST = generated("options disk level=1")
HELD = Held(frozenset(("disk", "net", "other")), (FIRST, LAST))


def test_the_same_lines_are_current() -> None:
    assert compare(HELD, (FIRST, LAST)) == Copies(Initramfs.CURRENT)
    assert compare(Held(HELD.modules), ("", "")) == Copies(Initramfs.CURRENT)


@pytest.mark.parametrize(
    ("texts", "modules"),
    [
        ((FIRST.replace("level=1", "level=2"), LAST), (DISK,)),
        ((FIRST, ""), (DISK,)),
        ((generated("options disk level=1"), LAST), (NET,)),
        ((generated("options disk level=1", "blacklist net"), LAST), (NET,)),
        (("", ""), (DISK, NET)),
        ((FIRST, LAST, generated("options other x=1")), (ModuleName("other"),)),
    ],
    ids=["changed", "last word gone", "denial gone", "denial weaker", "all gone", "added"],
)
def test_other_lines_about_a_module_of_the_image_are_stale(
    texts: tuple[str, ...], modules: tuple[ModuleName, ...]
) -> None:
    assert compare(HELD, texts) == Copies(Initramfs.STALE, modules)


def test_the_order_of_a_modules_lines_counts_and_that_of_modules_does_not() -> None:
    lines = FIRST.split("\n")[1:-1]
    assert compare(HELD, (generated(*sorted(lines, key=lambda line: "net" in line)), LAST)) == Copies(
        Initramfs.CURRENT
    )
    assert compare(HELD, (generated(*reversed(lines)), LAST)).modules == (NET,)


def test_modules_that_the_image_does_not_hold_may_differ() -> None:
    held = HELD._replace(modules=frozenset(("net",)))
    assert compare(held, (FIRST.replace("level=1", "level=2"), "")) == Copies(Initramfs.CURRENT)


@given(st.lists(st.text(max_size=40)), st.lists(st.text(max_size=20)))
def test_whatever_a_record_holds_only_names_of_modules_come_of_it(texts: list[str], names: list[str]) -> None:
    held = Held(frozenset((*names, "../x", "\x1b[31m")), (*texts, "options ../x y\noptions \x1b[31m z\n"))
    assert all(name.isascii() and name.isprintable() for name in compare(held, ("",)).modules)


def test_one_warning_names_the_modules_and_what_to_do() -> None:
    assert Copies(Initramfs.STALE, (DISK, NET)).issues == (
        Issue(
            Severity.WARNING,
            "initramfs-stale",
            "the initramfs of this kernel is older than what modprobe.d says now of disk, net, "
            "and what is loaded from it at boot goes by the old lines",
            "make it anew: update-initramfs -u -k all",
            Location(""),
        ),
    )
    many = tuple(ModuleName(f"m{number}") for number in range(12))
    assert "m8, m9 and 2 more," in Copies(Initramfs.STALE, many).issues[0].message


@pytest.mark.parametrize("state", [Initramfs.UNKNOWN, Initramfs.CURRENT])
def test_nothing_is_said_while_nothing_is_known_to_differ(state: Initramfs) -> None:
    assert Copies(state).issues == ()


def test_a_status_says_it_of_its_module() -> None:
    statuses = {
        name: ModuleStatus(name, "loaded", ModuleState.LOADED, Condition.IN_SYNC, "declared")
        for name in (DISK, NET)
    }
    tell(statuses, Copies(Initramfs.STALE, (DISK, ModuleName("unmanaged"))))
    assert {name: status.message for name, status in statuses.items()} == {
        DISK: "declared; the initramfs has other lines about it (update-initramfs -u -k all)",
        NET: "declared",
    }
