"""From plain values to the text of a drop-in: a parser reads what was given, and nothing else gets in."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kmodd.config.compile import compile_catalog
from kmodd.config.override_text import MAX_BYTES, MAX_DEPTH, MAX_VALUES, override_text
from kmodd.config.values import parameter_text
from kmodd.errors import ErrorKind, KmoddError
from kmodd.model import Declaration, Parameter
from kmodd.names import ModuleName
from tests.support.config_tree import config_paths, drop
from tests.support.properties import unhurried

DUMMY = ModuleName("dummy")

texts = st.text(st.characters(exclude_categories=("C", "Z")), max_size=20)
scalars = st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | texts
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
# What the language takes: a name of a parameter, and a value that the kernel can be given.
parameter_names = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
kernel_texts = texts.filter(lambda text: '"' not in text)
kernel_scalars = st.booleans() | st.integers(-(2**63), 2**64 - 1) | kernel_texts
kernel_values = kernel_scalars | st.lists(kernel_texts.filter(lambda t: "," not in t), min_size=1, max_size=3)


def declared(text: str, root: Path) -> Declaration:
    """What the compiler makes of a drop-in with this text."""
    paths = config_paths(root)
    drop(paths.directories[0], "10.toml", text)
    catalog = compile_catalog(paths)
    assert catalog.issues == ()
    (declaration,) = catalog.declarations
    return declaration


@unhurried
@given(st.dictionaries(texts, anything, max_size=4))
@example({})
@example({"a.b": 1, "": {"\\": ['"']}, "]": "#\\u0000"})
@example({"x": [1e16, -0.0, 1e-7, float("inf")]})
def test_a_parser_reads_the_very_values(values: Mapping[str, Any]) -> None:
    document = tomllib.loads(override_text(DUMMY, values))
    assert document == {"module": {"dummy": values}}


@pytest.mark.shows("security 3")
@unhurried
@given(st.dictionaries(parameter_names, kernel_values, max_size=4), texts)
def test_the_compiler_declares_what_was_asked_for(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any], reason: str
) -> None:
    text = override_text(DUMMY, {"parameters": values, "reason": reason, "after": ["other"]})
    declaration = declared(text, tmp_path_factory.mktemp("tree"))
    wanted = {Parameter(name, parameter_text(value)) for name, value in values.items()}
    assert set(declaration.parameters) == wanted
    assert (declaration.name, declaration.reason, declaration.after) == ("dummy", reason, ("other",))


@pytest.mark.shows("security 3")
@pytest.mark.parametrize("text", ["a\0b", "a\nb", "\x1b[31m", "\x7f", "\u2028", "\ud800", "\u202e"])
@pytest.mark.parametrize("as_key", [True, False])
def test_what_nobody_could_see_is_refused(text: str, as_key: bool) -> None:
    values: dict[str, object] = {"parameters": {text: "x"} if as_key else {"x": [text]}}
    with pytest.raises(KmoddError, match="unprintable") as caught:
        override_text(DUMMY, values)
    assert caught.value.kind is ErrorKind.INVALID_ARGUMENT
    assert str(caught.value).isprintable()


def test_what_is_nested_deeper_than_the_language_is_refused() -> None:
    def nested(depth: int) -> object:
        return [nested(depth - 1)] if depth else 1

    override_text(DUMMY, {"x": nested(MAX_DEPTH - 1)})
    for depth in (MAX_DEPTH, 300):
        with pytest.raises(KmoddError, match="nested too deep"):
            override_text(DUMMY, {"x": nested(depth)})


@pytest.mark.shows("security 3")
@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"x": [0] * MAX_VALUES}, f"more than {MAX_VALUES} values"),
        ({f"x{number}": 0 for number in range(MAX_VALUES)}, f"more than {MAX_VALUES} values"),
        ({"reason": "x" * MAX_BYTES}, f"longer than {MAX_BYTES} bytes"),
        ({"reason": "\N{GREEK SMALL LETTER ALPHA}" * (MAX_BYTES // 2)}, f"longer than {MAX_BYTES} bytes"),
        ({"x": None}, "NoneType"),
        ({"x": b"raw"}, "bytes"),
    ],
)
def test_what_is_too_much_or_no_value_is_refused(values: Mapping[str, object], why: str) -> None:
    with pytest.raises(KmoddError, match=why) as caught:
        override_text(DUMMY, values)
    assert caught.value.kind is ErrorKind.INVALID_ARGUMENT
