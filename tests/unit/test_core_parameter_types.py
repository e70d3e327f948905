"""Which values a parameter's type takes, held against an independent model of the kernel's setters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.core.parameter_types import wanted_instead
from tests.support.kernel_parameters import KernelParameter
from tests.support.properties import unhurried

_KINDS = ("byte", "short", "ushort", "int", "uint", "hexint", "long", "ulong", "bool", "invbool", "charp")
_EDGES = (0, 255, 256, 2**15, 2**16, 2**31, 2**32, 2**63, 2**64)
_NUMBERS = st.one_of(
    st.builds(int.__add__, st.sampled_from(_EDGES), st.integers(-1, 1)),
    st.builds(int.__sub__, st.integers(-1, 1), st.sampled_from(_EDGES)),
)
_TEXTS = st.one_of(
    _NUMBERS.map(str),
    _NUMBERS.map(hex),
    st.text("0123456789abfx+-_ ", max_size=5),
    st.sampled_from(["Y", "n", "on", "off", "of", "o", "true", "2", "", "x" * 1024, "x" * 1025]),
    st.sampled_from(["0" * 5000 + "7", "0x" + "0" * 5000 + "7", "0" * 5000 + "9"]),
)


def _refused(parameter: KernelParameter, text: str) -> bool:
    try:
        parameter.shown(text)
    except OSError:
        return True
    return False


@unhurried
@given(st.sampled_from(_KINDS), _TEXTS)
def test_what_the_kernel_refuses_is_told_and_nothing_else(kind: str, text: str) -> None:
    assert bool(wanted_instead(kind, text)) == _refused(KernelParameter(kind), text)


@unhurried
@given(st.sampled_from(_KINDS), st.lists(_TEXTS, min_size=1, max_size=4))
def test_an_array_is_refused_for_its_elements(kind: str, texts: list[str]) -> None:
    array = KernelParameter(kind, length=4)
    assert bool(wanted_instead(f"array of {kind}", ",".join(texts))) == _refused(array, ",".join(texts))


@pytest.mark.parametrize("kind", ["", "string", "mode", "array of ", "array of mode"])
def test_of_other_types_nothing_is_known(kind: str) -> None:
    assert wanted_instead(kind, "any, thing") == ""


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("int", "1,2", "give an integer from -2147483648 to 2147483647"),
        ("int", "9" * 5000, "give an integer from -2147483648 to 2147483647"),
        ("ullong", "-1", "give an integer from 0 to 18446744073709551615"),
        ("bint", "maybe", "give true or false"),
        ("charp", "x" * 2000, "give a text of at most 1024 bytes"),
        ("array of bool", "Y,2", "give a list, each element true or false"),
    ],
)
def test_what_to_give_instead(kind: str, value: str, wanted: str) -> None:
    assert wanted_instead(kind, value) == wanted
