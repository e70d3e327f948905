"""Switches on the kernel command line: kmodd's, modprobe's, the kernel's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.core.resolve import resolve
from kmodd.core.switches import Switches, switches
from kmodd.model import Catalog, Declaration, Desired, Facts
from kmodd.names import ModuleName

A, B = ModuleName("a"), ModuleName("b_c")
BEGINNINGS = st.sampled_from(
    ("", "kmodd.skip=", "module_blacklist=", "modprobe.blacklist=", "kmodd.enforce=")
)


def test_a_line_without_them_switches_nothing_off() -> None:
    assert switches(()) == Switches()
    assert switches(("quiet", "root=/dev/vda", "kmodd", "kmodd.other=1", "a.blacklist=b", "=")) == Switches()


@pytest.mark.shows("P12")
@pytest.mark.parametrize(
    ("words", "enforce"),
    [
        (("kmodd.enforce=0",), False),
        (("kmodd.enforce=no",), False),
        (("kmodd.enforce=Off",), False),
        (("kmodd.enforce=false",), False),
        (("kmodd.enforce=1",), True),
        (("kmodd.enforce=yes",), True),
        (("kmodd.enforce",), True),
        (("kmodd.enforce=0", "kmodd.enforce=1"), True),
        (("kmodd.enforce=1", "kmodd.enforce=0"), False),
    ],
)
def test_the_last_word_on_enforcing_counts(words: tuple[str, ...], enforce: bool) -> None:
    assert switches(words).enforce is enforce
    state = resolve(Catalog(), Facts(command_line=words), {})
    assert state.enforce is enforce


@pytest.mark.parametrize(
    ("words", "skipped"),
    [
        (("kmodd.skip=a",), {A}),
        (("kmodd.skip=a,b-c",), {A, B}),
        (("kmodd.skip=a", "kmodd.skip=b_c"), {A, B}),
        (("kmodd.skip=", "kmodd.skip=,a,,"), {A}),
        (("kmodd.skip=../x,a b,-y,a",), {A}),
    ],
)
def test_skipped_modules_add_up_in_either_spelling(words: tuple[str, ...], skipped: set[ModuleName]) -> None:
    assert switches(words).skipped == skipped


@pytest.mark.parametrize(
    ("words", "barred"),
    [
        (("modprobe.blacklist=a,b-c",), {A: "modprobe.blacklist=a,b-c", B: "modprobe.blacklist=a,b-c"}),
        (
            ("modprobe.blacklist=a", "modprobe.blacklist=b_c"),
            {A: "modprobe.blacklist=a", B: "modprobe.blacklist=b_c"},
        ),
        (("module_blacklist=a,b_c",), {A: "module_blacklist=a,b_c", B: "module_blacklist=a,b_c"}),
        (("module-blacklist=a",), {A: "module-blacklist=a"}),
        (("module_blacklist=b-c",), {}),
        (("module_blacklist=a", "module_blacklist=b_c"), {B: "module_blacklist=b_c"}),
        (("module_blacklist=a", "modprobe.blacklist=a"), {A: "module_blacklist=a"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_blacklists_as_the_kernel_and_libkmod_read_them(
    words: tuple[str, ...], barred: dict[ModuleName, str]
) -> None:
    """The kernel takes the last list, letter for letter; libkmod takes all, in either spelling."""
    assert switches(words).barred == barred


@given(st.lists(st.builds("".join, st.tuples(BEGINNINGS, st.text(max_size=20)))))
def test_no_command_line_stops_a_start(words: list[str]) -> None:
    found = switches(words)
    assert all(name.isascii() for name in (*found.skipped, *found.barred))


@pytest.mark.shows("P12")
def test_a_skipped_module_has_no_wishes_at_all() -> None:
    declaration = Declaration(A, Desired.DENIED, requires=(B,))
    state = resolve(Catalog(declarations=(declaration,)), Facts(command_line=("kmodd.skip=a",)), {})
    assert state.modules.keys() == {A}
    module = state.modules[A]
    assert (module.desired, module.to_load, module.to_remove) == (Desired.AUTO, False, False)
    assert module.unmet == "kmodd.skip= on the kernel command line names it"
