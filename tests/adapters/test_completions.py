"""packaging/completions against the command line of kmoddctl, in real shells."""

import os
import re
import subprocess
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Mapping
from pathlib import Path

import pytest

from kmodd.cli.commands import COMMANDS
from kmodd.cli.parser import parser
from kmodd.config.schema import ModuleTable
from tests.support.shells import COMPLETIONS, SHELLS, offered, typed

_HOSTILE = """#!/bin/sh
cat <<'END'
MODULE  DESIRED
loop    loaded
$(touch pwned) x
`touch pwned`; y
ip_vs   -
END
echo not for the person who types >&2
"""
# As find(1) among the running kernel's modules, and the parameters of one; its arguments are looked at.
_FIND = """#!/bin/sh
case "$*" in
"/lib/modules/$(uname -r)/ -name *.ko* -printf %f\\\\n") cat <<'END' ;;
snd-usb-audio.ko.zst
loop.ko
$(touch pwned).ko
`touch pwned`; y.ko.xz
END
"/sys/module/ip_vs/parameters/ -type f -printf %f\\\\n") cat <<'END' ;;
conn_tab_bits
$(touch pwned)
END
*) exit 1 ;;
esac
"""
# As modinfo(8) says it of a module's file.
_MODINFO = """#!/bin/sh
[ "$*" = "-F parm ip_vs" ] || exit 1
cat <<'END'
conn_tab_bits:Set connections' hash size (int)
schedule:what $(touch pwned): `touch pwned` (charp)
$(touch pwned):x
END
"""
_ANY = ("load", "deny", "set", "symbols")
"""Commands about modules that nobody need have declared."""
each_shell = pytest.mark.parametrize("shell", SHELLS)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A kmoddctl that lists two modules and what must not be run; files to check beside others."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name, text in {"kmoddctl": _HOSTILE, "find": _FIND, "modinfo": _MODINFO}.items():
        tool = bin_dir / name
        tool.write_text(text)
        tool.chmod(0o755)
    for name in ("a file.toml", "notes.txt", "directory/b.toml"):
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path / "files")
    return {"PATH": f"{bin_dir}:{os.environ['PATH']}", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}


def _parsers() -> Mapping[str, ArgumentParser]:
    (subparsers,) = [each for each in parser()._actions if isinstance(each, _SubParsersAction)]
    parsers: Mapping[str, ArgumentParser] = subparsers.choices
    return parsers


def _options(one: ArgumentParser) -> list[str]:
    return sorted(option for action in one._actions for option in action.option_strings)


def _operands(one: ArgumentParser) -> list[str]:
    return [str(action.metavar) for action in one._actions if not action.option_strings]


@each_shell
def test_every_command_and_no_other(shell: str, environment: Mapping[str, str], tmp_path: Path) -> None:
    assert offered(shell, "kmoddctl ", environment, tmp_path) == sorted(_parsers())
    some = ["reconcile", "release", "reload", "resume", "retry"]
    assert offered(shell, "kmoddctl --json re", environment, tmp_path) == some


@each_shell
def test_every_option_and_no_other(shell: str, environment: Mapping[str, str], tmp_path: Path) -> None:
    assert offered(shell, "kmoddctl -", environment, tmp_path) == _options(parser())
    plain = {name for name, one in _parsers().items() if _options(one) == ["--help", "--json", "-h"]}
    for name in sorted((_parsers().keys() - plain) | {min(plain)}):
        found = offered(shell, f"kmoddctl {name} -", environment, tmp_path)
        assert found == _options(_parsers()[name]), name


@each_shell
def test_an_option_takes_its_value_and_what_follows_is_offered_as_before(
    shell: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    found = offered(shell, "kmoddctl import --root ", environment, tmp_path)
    assert {name.removesuffix("/") for name in found} == {"directory"}
    assert offered(shell, "kmoddctl import --kernel no-kernel-is-called-", environment, tmp_path) == []
    after = offered(shell, "kmoddctl import --root directory --kern", environment, tmp_path)
    assert after == ["--kernel"]


_OF_A_MODULE = [name for name, one in _parsers().items() if _operands(one)[:1] == ["MODULE"]]


@each_shell
@pytest.mark.parametrize("command", _OF_A_MODULE)
def test_names_are_never_expanded(
    shell: str, command: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    names = ["ip_vs", "loop", "snd_usb_audio"] if command in _ANY else ["ip_vs", "loop"]
    assert sorted(set(offered(shell, f"kmoddctl {command} ", environment, tmp_path))) == names
    assert not list(tmp_path.rglob("pwned"))


@each_shell
def test_a_dash_stands_for_an_underscore(shell: str, environment: Mapping[str, str], tmp_path: Path) -> None:
    assert offered(shell, "kmoddctl status ip-", environment, tmp_path) == ["ip_vs"]
    assert offered(shell, "kmoddctl load snd-usb", environment, tmp_path) == ["snd_usb_audio"]


@each_shell
@pytest.mark.parametrize("start", ["ip_vs", "ip-vs", "--persistent ip_vs", "ip_vs schedule=a"])
def test_parameters_of_a_module_that_is_loaded_and_of_its_file(
    shell: str, start: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    both = ["conn_tab_bits=", "schedule="]
    assert offered(shell, f"kmoddctl set {start} ", environment, tmp_path) == both
    assert offered(shell, f"kmoddctl set {start} conn-t", environment, tmp_path) == both[:1]
    assert not list(tmp_path.rglob("pwned"))


@each_shell
@pytest.mark.parametrize(
    "start", ["nosuch ", "../ip_vs ", "'a b' ", "ip_vs schedule=", "ip_vs conn_tab_bits=s"]
)
def test_no_parameter_where_there_is_none_and_none_in_a_value(
    shell: str, start: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    assert offered(shell, f"kmoddctl set {start}", environment, tmp_path) == []


@each_shell
@pytest.mark.parametrize(
    ("keys", "whole"),
    [
        ("sch\t7", "schedule=7"),
        ("schedule=\t7", "schedule=7"),
        ("conn_tab_bits=\t8 sch\t7", "conn_tab_bits=8 schedule=7"),
    ],
)
def test_the_value_follows_without_a_space(
    shell: str, keys: str, whole: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """Whatever the shell puts behind a name by itself would be a word of its own."""
    said = tmp_path / "said"
    (tmp_path / "bin" / "kmoddctl").write_text(f'#!/bin/sh\n[ $1 = list ] || echo "$*" >>{said}\n')
    typed(shell, f"kmoddctl set ip_vs {keys}", environment, tmp_path)
    assert said.read_text() == f"set ip_vs {whole}\n"


@each_shell
def test_keys_of_the_language(shell: str, environment: Mapping[str, str], tmp_path: Path) -> None:
    assert offered(shell, "kmoddctl explain loop ", environment, tmp_path) == sorted(ModuleTable.model_fields)
    assert offered(shell, "kmoddctl explain loop on", environment, tmp_path) == ["on_parameter_change"]


@each_shell
def test_kinds_of_files(shell: str, environment: Mapping[str, str], tmp_path: Path) -> None:
    (kind,) = [action for action in _parsers()["schema"]._actions if not action.option_strings]
    assert offered(shell, "kmoddctl schema ", environment, tmp_path) == sorted(kind.choices or ())


@each_shell
@pytest.mark.parametrize("command", ["check", "try"])
def test_files(shell: str, command: str, environment: Mapping[str, str], tmp_path: Path) -> None:
    found = offered(shell, f"kmoddctl {command} ", environment, tmp_path)
    assert [name.replace("\\ ", " ").removesuffix("/") for name in found] == ["a file.toml", "directory"]
    nested = offered(shell, f"kmoddctl {command} a.toml directory/", environment, tmp_path)
    assert [os.path.basename(name) for name in nested] == ["b.toml"]


@each_shell
@pytest.mark.parametrize(
    "line",
    [
        "kmoddctl list x",
        "kmoddctl status loop x",
        "kmoddctl explain loop state x",
        "kmoddctl try --timeout ",
    ],
)
def test_nothing_where_nothing_is_taken(
    shell: str, line: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    assert offered(shell, f"kmoddctl {line}", environment, tmp_path) == []


@each_shell
def test_a_machine_without_the_tool_is_told_nothing(shell: str, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    assert offered(shell, "kmoddctl status l", environment, tmp_path) == []


_DESCRIBED = {
    "_kmoddctl": r"'([a-z]+):(.*)'$",
    "kmoddctl.fish": r"--arguments ([a-z]+) \\\n +--description '(.*)'",
}


@pytest.mark.parametrize("name", _DESCRIBED)
def test_commands_are_described_as_in_help(name: str) -> None:
    text = (COMPLETIONS / name).read_text()
    pattern = (
        r"'([a-z]+):(.*)'$" if name == "_kmoddctl" else r"--arguments ([a-z]+) \\\n +--description '(.*)'"
    )
    described = re.findall(pattern, text, flags=re.MULTILINE)
    assert described == [(command.name, command.summary) for command in COMMANDS]


@pytest.mark.parametrize(
    "command",
    [("bash", "-n", "kmoddctl.bash"), ("zsh", "-n", "_kmoddctl"), ("fish", "--no-execute", "kmoddctl.fish")],
    ids=SHELLS,
)
def test_the_shells_can_read_them(command: tuple[str, ...]) -> None:
    run = subprocess.run(command, cwd=COMPLETIONS, check=True, capture_output=True)
    assert run.stdout + run.stderr == b""
