"""The order of loading: strong before weak, deterministic, cycles broken where that hurts least."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.core.order import Order, order
from kmodd.model import Declaration
from kmodd.names import ModuleName
from tests.support.simulated_kernel import SimulatedModule, module
from tests.unit.test_core_resolve import resolved

A, B, C, D = map(ModuleName, "abcd")
PLAIN = tuple(module(name) for name in "abcd")


def ordered(*declarations: Declaration, tree: tuple[SimulatedModule, ...] = PLAIN) -> Order:
    return order(resolved(*declarations, tree=tree))


@pytest.mark.parametrize(
    "declarations",
    [
        (Declaration(A, after=(B,)), Declaration(B)),
        (Declaration(A), Declaration(B, before=(A,))),
        (Declaration(A, wants=(B,)),),
        (Declaration(A, requires=(B,)),),
    ],
)
def test_what_goes_first(declarations: tuple[Declaration, ...]) -> None:
    assert ordered(*declarations).sequence == (B, A)


def test_after_and_before_pull_nothing() -> None:
    assert ordered(Declaration(A, after=(B,), before=(C,))).sequence == (A,)


def test_dependencies_and_requires_are_strong_the_rest_is_weak() -> None:
    tree = (module("a", "b", before=("c",), after=("d",)), *PLAIN[1:])
    found = ordered(Declaration(A), tree=tree)
    assert found.strong[A] == (B,)
    assert found.weak[A] == (C,)
    assert found.weak[D] == (A,)
    assert found.sequence == (B, C, A, D)


def test_strong_is_not_weak_too() -> None:
    found = ordered(Declaration(A, requires=(B,), after=(B,), wants=(B,)))
    assert (found.strong[A], found.weak[A]) == ((B,), ())


def test_a_cycle_ends_at_a_weak_edge() -> None:
    found = ordered(Declaration(A, requires=(B,)), Declaration(B, after=(A,)))
    assert found.sequence == (B, A)
    assert found.dropped == ((A, B),)
    assert not found.cyclic


def test_a_cycle_of_weak_edges_loses_one() -> None:
    found = ordered(Declaration(A, after=(B,)), Declaration(B, after=(C,)), Declaration(C, after=(A,)))
    assert len(found.dropped) == 1
    assert sorted(found.sequence) == [A, B, C]


def test_a_cycle_of_strong_edges_is_told() -> None:
    tree = (module("a", "b"), *PLAIN[1:])
    found = ordered(Declaration(A), Declaration(B, requires=(A,)), Declaration(C, requires=(A,)), tree=tree)
    assert found.cyclic == {A, B}
    assert sorted(found.sequence) == [A, B, C]


def test_a_module_that_requires_itself() -> None:
    assert ordered(Declaration(A, requires=(A,))).cyclic == {A}


def test_a_module_after_itself_is_nothing() -> None:
    found = ordered(Declaration(A, after=(A,), before=(A,)))
    assert (found.sequence, found.dropped, found.cyclic) == ((A,), (), frozenset())


def test_the_same_whatever_file_comes_first() -> None:
    declarations = (
        Declaration(A, after=(B,)),
        Declaration(B, after=(C,)),
        Declaration(C, after=(A,), wants=(D,)),
        Declaration(D),
    )
    assert len({ordered(*these).sequence for these in permutations(declarations)}) == 1
    assert len({ordered(*these).dropped for these in permutations(declarations)}) == 1


@given(st.permutations((A, B, C, D)), st.data())
def test_any_wishes_that_one_order_fulfils_are_fulfilled(
    wished: list[ModuleName], data: st.DataObject
) -> None:
    """Each module names some of those before it in after or requires, and some behind it in before."""
    declarations = []
    pairs = []
    for place, name in enumerate(wished):
        earlier, later = wished[:place], wished[place + 1 :]
        after = data.draw(st.sets(st.sampled_from(earlier)) if earlier else st.just(set()))
        requires = data.draw(st.sets(st.sampled_from(earlier)) if earlier else st.just(set()))
        before = data.draw(st.sets(st.sampled_from(later)) if later else st.just(set()))
        pairs += [(other, name) for other in after | requires] + [(name, other) for other in before]
        declarations.append(
            Declaration(name, after=tuple(after), requires=tuple(requires), before=tuple(before))
        )
    found = ordered(*data.draw(st.permutations(declarations)))
    assert all(found.sequence.index(first) < found.sequence.index(then) for first, then in pairs)
    assert (found.dropped, found.cyclic) == ((), frozenset())


@given(st.dictionaries(st.sampled_from("abcdefg"), st.frozensets(st.sampled_from("abcdefg")), min_size=1))
def test_each_stands_right_after_the_last_that_it_needs(requires: dict[str, frozenset[str]]) -> None:
    """Between the two are only others that had to come after that one; those on a cycle are told."""
    declarations = [
        Declaration(ModuleName(n), requires=tuple(map(ModuleName, r))) for n, r in requires.items()
    ]
    found = ordered(*declarations, tree=tuple(module(name) for name in "abcdefg"))
    assert sorted(found.sequence) == sorted(found.strong)
    place = {name: at for at, name in enumerate(found.sequence)}
    last = {name: max((place[need] for need in found.strong[name]), default=-1) for name in place}
    for name, at in place.items():
        assert last[name] < at
        between = found.sequence[last[name] + 1 : at]
        assert last[name] == -1 or all(last[other] >= last[name] for other in between)
    roots = [name for name in found.sequence if last[name] == -1]
    assert roots == sorted(roots)


def test_needs_that_are_all_to_be_loaded_are_no_copy() -> None:
    tree = (module("a", "b", "c"), *PLAIN[1:])
    desired = resolved(Declaration(A), tree=tree)
    assert order(desired).strong[A] is desired.infos[A].dependencies
