"""One file: what its values become, and that nothing whatever makes parsing raise."""

from datetime import date, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.config.fragment import Document, Fragment
from kmodd.config.merge import declare, merge
from kmodd.config.messages import did_you_mean
from kmodd.config.parse import parse_fragment, parse_settings
from kmodd.config.reading import Invalid, decode
from kmodd.config.schema import ModuleTable, SettingsTable
from kmodd.config.toml_text import dotted, toml_text
from kmodd.model import (
    Declaration,
    Desired,
    DeviceMatch,
    Parameter,
    ParameterPolicy,
    Ready,
    Settings,
    When,
    WhenGone,
)
from kmodd.names import module_name
from kmodd.shown import Location, Source
from tests.support.properties import unhurried


def _declaration(text: str) -> Declaration:
    fragment, issues = parse_fragment("a.toml", Document("/a.toml", text))
    assert issues == ()
    assert fragment is not None
    ((name, rows),) = merge([fragment]).items()
    return declare(name, rows)


def _codes(text: str) -> list[str]:
    return [issue.code for issue in parse_fragment("a.toml", Document("/a.toml", text))[1]]


def test_an_empty_table_asks_for_loading() -> None:
    source = Source("state", '"loaded"', Location("/a.toml", 2, 9))
    assert _declaration("\n[module.snd-hda-intel]\n") == Declaration(
        module_name("snd_hda_intel"), sources=(source,)
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("true", "Y"),
        ("false", "N"),
        ("64", "64"),
        ("-1", "-1"),
        ("0x1F", "31"),
        ("8_589_934_592", "8589934592"),
        ("18_446_744_073_709_551_615", "18446744073709551615"),
        ("1.5", "1.5"),
        ('"a b"', "a b"),
        ("'C:\\x'", "C:\\x"),
        ('""', ""),
        ("[1, 2, 3]", "1,2,3"),
        ('[true, "x", -5]', "Y,x,-5"),
        ('"1,2"', "1,2"),
        ('"ü"', "ü"),
    ],
)
def test_parameters_become_what_the_kernel_parses(value: str, text: str) -> None:
    assert _declaration(f"[module.loop]\nparameters.p = {value}").parameters == (Parameter("p", text),)


def test_every_key() -> None:
    declared = _declaration(
        """
        [module.loop]
        state = "auto"
        parameters = { b-c = 1, "a.x" = 2 }
        on_parameter_change = "reload"
        after = ["snd-pcm", "snd_pcm"]
        before = ["b"]
        requires = ["c"]
        wants = ["d"]
        conflicts = ["e"]
        replaces = ["f"]
        when_gone = "unload"
        load_timeout = "1500ms"
        reason = "because"
        ready = { path_exists = "/dev/loop0", device = { subsystem = "block" }, timeout = "1h" }
        [module.loop.when]
        kernel = ">=6.1"
        architecture = ["x86-64", "!arm"]
        virtualization = "!container"
        path_exists = "!/run/no"
        kernel_command_line = "quiet"
        dmi = "sys_vendor=LENOVO*"
        [[module.loop.when.device]]
        modalias = "usb:*"
        driver = "d"
        [[module.loop.when.device]]
        properties = { ID_X = "1", ID_A = "" }
        attributes = { idVendor = "10c4", "device/class" = "0x*" }
        """
    )
    devices = (
        DeviceMatch(modalias="usb:*", driver="d"),
        DeviceMatch(
            properties=(("ID_A", ""), ("ID_X", "1")),
            attributes=(("device/class", "0x*"), ("idVendor", "10c4")),
        ),
    )
    assert {source.key for source in declared.sources} >= {
        "parameters.b_c",
        "when.device",
        "ready.timeout",
        "reason",
    }
    assert declared == Declaration(
        name=module_name("loop"),
        state=Desired.AUTO,
        parameters=(Parameter("a.x", "2"), Parameter("b_c", "1")),
        on_parameter_change=ParameterPolicy.RELOAD,
        after=(module_name("snd_pcm"),),
        before=(module_name("b"),),
        requires=(module_name("c"),),
        wants=(module_name("d"),),
        conflicts=(module_name("e"),),
        replaces=(module_name("f"),),
        when=When(
            devices=devices,
            kernel=(">=6.1",),
            architecture=("x86-64", "!arm"),
            virtualization=("!container",),
            path_exists=("!/run/no",),
            kernel_command_line=("quiet",),
            dmi=("sys_vendor=LENOVO*",),
        ),
        when_gone=WhenGone.UNLOAD,
        ready=Ready("/dev/loop0", DeviceMatch(subsystem="block"), 3600.0),
        load_timeout_s=1.5,
        reason="because",
        sources=declared.sources,
    )


def test_defaults_of_the_schema_are_those_of_the_model() -> None:
    table, declaration = ModuleTable(), Declaration(module_name("x"))
    assert table.state is declaration.state
    assert table.on_parameter_change is declaration.on_parameter_change
    assert table.when_gone is declaration.when_gone
    assert table.load_timeout == declaration.load_timeout_s
    assert SettingsTable().settings() == Settings()


@pytest.mark.parametrize(
    "value",
    ["{ a = 1, }", "{\na = 1 }", "{ a = 1 # one\n}", '"\\e"', '"\\x41"', "[07:32]", "2024-02-29 07:32"],
)
def test_toml_1_1_is_refused_whether_or_not_the_parser_knows_it(value: str) -> None:
    _, (issue,) = parse_fragment("a.toml", Document("/a.toml", f"[module.a]\nparameters.x = {value}\n"))
    assert issue.code == "syntax"
    assert issue.location.line in (2, 3)


def test_every_error_of_a_file_is_told_at_once() -> None:
    assert _codes('[module.a]\nx = 1\nstate = 2\nafter = ["/"]\n') == [
        "unknown-key",
        "wrong-type",
        "bad-name",
    ]


def test_what_is_said_of_a_file_has_an_end_whatever_stands_in_it() -> None:
    key = "k" * 100_000
    fragment, issues = parse_fragment(
        "a.toml", Document("/a.toml", f"[module.{key}]\n{key} = 1\n" + "x = 1\n")
    )
    assert fragment is None
    assert issues
    assert all(len(issue.message) < 5000 and len(issue.hint) < 5000 for issue in issues)


def test_carriage_returns_are_line_ends() -> None:
    fragment, _ = parse_fragment("a.toml", decode("/a.toml", b"[module.a]\r\n\r\n[module.b]\r\n"))
    assert fragment is not None
    assert [rows[""].source.location.line for rows in fragment.modules.values()] == [1, 3]


def test_digits_without_end_are_an_error_and_not_an_exception() -> None:
    assert _codes(f"[module.a]\nparameters.x = {'9' * 5000}") == ["syntax"]
    assert _codes(f"[module.a]\nparameters.x = 0x{'9' * 5000}") == ["bad-value"]


@pytest.mark.parametrize("depth", [50, 390, 5000, 100_000])
def test_depth_is_an_error_and_not_an_exception(depth: int) -> None:
    for text in ("[" * depth + "]" * depth, "{a=" * depth + "1" + "}" * depth):
        assert _codes(f"[module.a]\nparameters.x = {text}") == ["too-deep"]
    assert _codes(f"[module.a{'.a' * depth}]") == ["too-deep"]
    assert _codes(f"[module.a]\n'a'{' . a' * depth} = 1") == ["too-deep"]


@pytest.mark.shows("fault: bad file")
@unhurried
@given(st.binary())
def test_no_bytes_make_it_raise(data: bytes) -> None:
    _parse(data)


_EXAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parents[2] / "etc/kmodd.d").iterdir())]


@pytest.mark.shows("fault: bad file")
@unhurried
@given(
    st.sampled_from(_EXAMPLES), st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=4)), max_size=4)
)
def test_no_damage_of_a_file_makes_it_raise(data: bytes, damage: list[tuple[int, bytes]]) -> None:
    for offset, junk in damage:
        data = data[:offset] + junk + data[offset + len(junk) :]
    _parse(data)


_KEYS = st.sampled_from(
    [*ModuleTable.model_fields, "device", "path_exists", "attributes", "timeout", "x y", "[key]", ""]
)
_SCALARS = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=4),
    st.just(date(2024, 2, 29)),
    st.just(time(7, 32)),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=8,
)


@unhurried
@given(st.dictionaries(_KEYS, _VALUES, max_size=4))
def test_no_value_makes_it_raise(table: dict[str, object]) -> None:
    _parse(f"module.loop = {toml_text(table)}".encode())


def _parse(data: bytes) -> Fragment | None:
    """Both kinds of file; whatever is refused has a reason and a place."""
    try:
        document = decode("/a.toml", data)
    except Invalid:
        return None
    fragment, issues = parse_fragment("a.toml", document)
    assert (fragment is None) == bool(issues)
    settings, problems = parse_settings(document)
    assert (settings is None) == bool(problems)
    for issue in (*issues, *problems):
        assert issue.message.isprintable()
        assert issue.hint
        assert issue.location.line <= document.text.count("\n") + 1
    return fragment


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        ('a"\n', '"a\\"\\n"'),
        ([1, 2.5], "[1, 2.5]"),
        ({"a": 1, "b c": []}, '{ a = 1, "b c" = [] }'),
        ({}, "{}"),
        (date(2024, 2, 29), "2024-02-29"),
    ],
)
def test_values_are_shown_as_in_toml(value: object, text: str) -> None:
    assert toml_text(value) == text


def test_key_paths_are_shown_as_in_toml() -> None:
    assert dotted(("module", "a b", "after", 0)) == 'module."a b".after[0]'


def test_hints_name_the_nearest_key_or_all() -> None:
    assert did_you_mean("requirs", ("requires", "wants")) == "did you mean 'requires'?"
    assert did_you_mean("xyz", ("requires", "wants")) == "known here: requires, wants"
