"""``kmoddctl plan --offline``: files and a real module tree below a directory, no daemon, nothing changed."""

import json
from pathlib import Path

import pytest

from kmodd.cli.main import main
from kmodd.cli.offline.target import Target
from tests.support.conversion import system
from tests.support.module_tree import RELEASE, ModuleTree


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kernel with a few modules."""
    tree = ModuleTree(tmp_path_factory.mktemp("tree"), builtins=["built"])
    tree.add("base", exports=["of_base"])
    tree.add("top", [("parmtype", "level:int")], imports=["of_base"])
    tree.add("other")
    return tree.depmod().base / "lib/modules"


@pytest.fixture
def root(tmp_path: Path, tree: Path) -> Path:
    """A system with that kernel."""
    return system(tmp_path / "root", tree)


def declare(root: Path, text: str, name: str = "40-a.toml") -> None:
    """Put a file into the system's /etc/kmodd.d."""
    (root / "etc/kmodd.d" / name).write_text(text)


def planned(root: Path, capsys: pytest.CaptureFixture[str], status: int = 0) -> list[str]:
    """Lines of the plan, which also ends with this status."""
    assert main(["plan", "--offline", "--root", str(root)]) == status
    return capsys.readouterr().out.splitlines()


def test_everything_is_loaded_into_an_empty_kernel_in_order(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declare(root, '[module.top]\nparameters.level = 3\n[module.other]\nafter = ["top"]\n[module.built]\n')
    assert planned(root, capsys) == [
        "+ load base         needed by top",
        "+ load top level=3  declared",
        "+ load other        declared",
    ]


def test_rows_are_those_of_the_bus(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare(root, "[module.top]\nparameters.level = 3\n")
    assert main(["plan", "--offline", "--json", "--root", str(root), "--kernel", RELEASE]) == 0
    assert json.loads(capsys.readouterr().out)[1] == {
        "module": "top",
        "action": "load",
        "detail": "level=3",
        "reason": "declared",
    }


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('path_exists = "/etc/here"', True),
        ('path_exists = "/etc/kmodd.d/nowhere"', False),
        (f'kernel = "{RELEASE}"', True),
        ('kernel = ">=99"', False),
        ('kernel_command_line = "quiet"', True),
        ('kernel_command_line = "loud"', False),
        ('device = { subsystem = "*" }', False),
    ],
)
def test_conditions_are_held_against_the_system(
    root: Path, capsys: pytest.CaptureFixture[str], condition: str, holds: bool
) -> None:
    (root / "etc/here").touch()
    (root / "proc").mkdir()
    (root / "proc/cmdline").write_text("quiet\n")
    declare(root, f"[module.other]\nwhen.{condition}\n")
    assert planned(root, capsys) == (["+ load other  declared"] if holds else ["nothing to do"])


def test_modprobe_d_of_the_system_counts(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "etc/modprobe.d/a.conf").write_text("softdep top pre: other\n")
    declare(root, "[module.top]\n")
    assert [line.split("  ")[0] for line in planned(root, capsys)] == [
        "+ load base",
        "+ load other",
        "+ load top",
    ]


def test_a_wrong_file_is_told_and_the_others_are_planned(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declare(root, "[module.other]\n")
    declare(root, "[module.top]\nparamters = 1\n", "50-b.toml")
    assert main(["plan", "--offline", "--root", str(root)]) == 5
    printed = capsys.readouterr()
    assert printed.out == "+ load other  declared\n"
    assert f"{root}/etc/kmodd.d/50-b.toml:2:1: error: unknown key" in printed.err


def test_what_this_kernel_does_not_know_is_a_warning(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare(root, "[module.topp]\n")
    assert main(["plan", "--offline", "--root", str(root)]) == 0
    printed = capsys.readouterr()
    assert printed.out == "nothing to do\n"
    assert "warning: this kernel has no module topp (did you mean 'top'?)" in printed.err


def test_the_running_kernel_is_looked_at(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its /proc and /sys, as if the system below the directory were this one."""
    monkeypatch.setattr(Target, "is_running", property(lambda _target: True))
    (root / "proc/sys/kernel").mkdir(parents=True)
    (root / "proc/sys/kernel/osrelease").write_text(f"{RELEASE}\n")
    (root / "proc/cmdline").write_text("quiet\n")
    row = "{} 16384 {} {} Live 0x0000000000000000\n"
    modules = (("base", 1, "top,"), ("top", 0, "-"), ("other", 0, "-"))
    (root / "proc/modules").write_text("".join(row.format(*each) for each in modules))
    parameters = root / "sys/module/top/parameters"
    parameters.mkdir(parents=True)
    (parameters / "level").write_text("1\n")
    (parameters / "level").chmod(0o644)
    declare(root, '[module.top]\nparameters.level = 3\n[module.other]\nstate = "unloaded"\n')
    found = [line.split("  ")[0] for line in planned(root, capsys)]
    assert found == ["- unload other", "~ write top level=3"]


def test_no_module_tree_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--offline", "--root", str(tmp_path)]) not in (0, 5)
    assert "has no module tree of a kernel" in capsys.readouterr().err


def test_a_root_without_offline_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--root", "/"]) == 2
    assert "add --offline" in capsys.readouterr().err


def test_what_is_on_trial_on_this_machine_is_none_of_another_systems(root: Path) -> None:
    assert Target(str(root), RELEASE).config.trial_dir == root / "run/kmodd.d/trial"


def test_what_is_on_trial_counts(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare(root, "[module.top]\n", "a.toml")
    trial = root / "run/kmodd.d/trial"
    trial.mkdir(parents=True)
    (trial / "a.toml").write_text("[module.other]\n")
    assert planned(root, capsys) == ["+ load other  declared"]
