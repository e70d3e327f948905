"""Whose kernel message is it, when modules are loaded side by side."""

from kmodd.kernel.attribution import Crowd, without_others
from kmodd.names import ModuleName

_A, _B, _C = map(ModuleName, ("a", "b_b", "c"))


def test_each_knows_everybody_who_was_there_at_any_moment_of_it() -> None:
    crowd = Crowd()
    with crowd.entered(_A) as others_of_a:
        with crowd.entered(_B) as others_of_b, crowd.entered(_B) as others_of_b_again:
            pass
        with crowd.entered(_C) as others_of_c:
            pass
    assert others_of_a == {_B, _C}
    assert others_of_b == others_of_b_again == {_A}
    assert others_of_c == {_A}


def test_who_comes_later_has_not_met_who_left() -> None:
    crowd = Crowd()
    with crowd.entered(_A) as others_of_a:
        pass
    with crowd.entered(_B) as others_of_b:
        pass
    assert others_of_a == others_of_b == set()


def test_only_what_surely_is_of_others_is_dropped() -> None:
    messages = ["a: mine", "b-b: theirs", "b_b: theirs", "c: who was not there", "usb 1-1: in doubt", "b_b"]
    assert without_others(messages, _A, {_B}) == ("a: mine", "c: who was not there", "usb 1-1: in doubt")
    assert without_others(messages, _A, ()) == tuple(messages)
    assert without_others(["a: mine"], _A, {_A}) == ("a: mine",)
