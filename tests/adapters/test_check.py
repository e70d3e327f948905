"""``kmoddctl check`` against the module tree of a kernel: what it does not know is a warning."""

from pathlib import Path

import pytest

from kmodd.cli.main import main
from tests.support.conversion import system
from tests.support.module_tree import RELEASE, ModuleTree
from tests.support.uml.process import MODULES

EXAMPLES = sorted(map(str, (Path(__file__).parents[2] / "etc/kmodd.d").iterdir()))

WRONG = """[module.topp]
[module.top]
parameters = { levle = 3, level = "x" }
wants = ["othre"]
after = ["nowhere"]
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kernel with two modules, one with an alias."""
    tree = ModuleTree(tmp_path_factory.mktemp("tree"))
    tree.add("top", [("parmtype", "level:int"), ("alias", "fs-top")])
    tree.add("other")
    return tree.depmod().base / "lib/modules"


@pytest.fixture
def root(tmp_path: Path, tree: Path) -> Path:
    """A system with that kernel, and no configuration."""
    return system(tmp_path / "root", tree)


def put(directory: Path, text: str) -> Path:
    """A file to be checked."""
    path = directory / "a.toml"
    path.write_text(text)
    return path


def test_what_the_kernel_does_not_know_is_a_warning_with_a_hint(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path, WRONG)
    assert main(["check", "--root", str(root), "--kernel", RELEASE, str(path)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.splitlines() == [
        f"{path}:1:9: warning: this kernel has no module topp (did you mean 'top'?) [unknown-module]",
        f"{path}:3:16: warning: top lists no parameter levle (modinfo), so the kernel may ignore it"
        " (did you mean 'level'?) [unknown-parameter]",
        f"{path}:3:27: warning: 'module.top.parameters.level' cannot be \"x\": its type is int"
        " (give an integer from -2147483648 to 2147483647) [parameter-type]",
        f"{path}:4:1: warning: 'module.top.wants' names othre, which this kernel does not have"
        " (did you mean 'other'?) [unknown-module]",
        "1 file: 0 errors, 4 warnings",
    ]


def test_warnings_fail_where_that_is_asked_for(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path, WRONG)
    assert main(["check", "--strict", "--root", str(root), str(path)]) == 5
    assert main(["check", "--strict", "--sarif", "--root", str(root), str(path)]) == 5
    assert '"level": "warning"' in capsys.readouterr().out


def test_an_alias_is_an_error_with_the_name(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path, "[module.fs-top]\n")
    assert main(["check", "--root", str(root), str(path)]) == 5
    assert "fs_top is not a module but an alias of top (name top instead) [alias]" in capsys.readouterr().out


def test_modprobe_d_counts_for_what_is_in_force_only(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "[module.top]\nparameters = { level = 3 }\n"
    (root / "etc/modprobe.d/zzz.conf").write_text("options top level=4\n")
    assert main(["check", "--root", str(root), str(put(tmp_path, text))]) == 0
    assert capsys.readouterr().out == "1 file: 0 errors, 0 warnings\n"
    put(root / "etc/kmodd.d", text)
    assert main(["check", "--root", str(root)]) == 0
    assert "[overridden-elsewhere]" in capsys.readouterr().out


def test_without_a_module_tree_only_files_are_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--strict", "--root", str(tmp_path), str(put(tmp_path, WRONG))]) == 0
    assert capsys.readouterr().out == "1 file: 0 errors, 0 warnings\n"


def test_a_kernel_that_is_named_has_to_be_there(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--root", str(root), "--kernel", "9.9", str(put(tmp_path, WRONG))]) not in (0, 5)
    assert f"has no kernel 9.9 (it has {RELEASE})" in capsys.readouterr().err


@pytest.mark.parametrize(
    "files", [*([name] for name in EXAMPLES), EXAMPLES], ids=lambda files: str(len(files))
)
def test_the_examples_pass_against_a_real_kernel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: list[str]
) -> None:
    root = system(tmp_path / "real", MODULES)
    assert main(["check", "--strict", "--root", str(root), *files]) == 0
    assert capsys.readouterr().out.endswith(
        f"{len(files)} file{'s'[: len(files) > 1]}: 0 errors, 0 warnings\n"
    )


def test_there_are_examples_and_the_kernel_has_a_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = system(tmp_path / "real", MODULES)
    text = Path(EXAMPLES[0]).read_text().replace("[module.dummy]", "[module.dumy]")
    assert len(EXAMPLES) > 5
    assert main(["check", "--strict", "--root", str(root), str(put(tmp_path, text))]) == 5
    assert "did you mean 'dummy'" in capsys.readouterr().out
