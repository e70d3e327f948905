"""Init functions of builtins among the symbols of the kernel."""

import os
from pathlib import Path

import pytest

from kmodd.kernel import kallsyms
from kmodd.kernel.kallsyms import init_functions

_LINES = b"""\
ffffffff81000000 T _stext
0000000000000000 d __initcall__kmod_loop__458_2300_loop_init6
0000000000000000 d __initcall__kmod_ext4__713_7419_ext4_init_fs6
0000000000000000 d __initcall__kmod_ext4__714_7420_ext4_late7s
0000000000000000 d __initcall__kmod_core__1_2_x_init6early
0000000000000000 d __initcall__kmod_core__1_2_fs0rootfs
0000000000000000 d __initcall__kmod_core__1_2_console_setupcon
0000000000000000 t __initcall__kmod_of_a_module__1_2_f6\t[elsewhere]
0000000000000000 d __initcall__kmod_two__words__12_34_two__words_56
0000000000000000 d __initcall__kmod_odd__1_2_
0000000000000000 d __initcall__kmod_odd__x_2_f6
0000000000000000 d __initcall__kmod_odd__1_2_\x1b[2J6
"""


@pytest.fixture
def proc(tmp_path: Path) -> str:
    (tmp_path / "kallsyms").write_bytes(_LINES)
    return str(tmp_path)


@pytest.mark.parametrize("chunk", [64, 100, 2**18])
def test_functions_of_those_that_were_asked_for(
    proc: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the file is cut into pieces, unless a line is longer than two of them."""
    monkeypatch.setattr(kallsyms, "_CHUNK", chunk)
    assert init_functions(proc, ["ext4", "core", "two__words", "odd", "elsewhere", "of_a_module"]) == {
        "ext4": ["ext4_init_fs", "ext4_late"],
        "core": ["x_init6", "fs0", "console_setup"],
        "two__words": ["two__words_5"],
        "odd": [],
        "elsewhere": [],
        "of_a_module": [],
    }


def test_a_kernel_that_shows_no_symbols(tmp_path: Path) -> None:
    assert init_functions(str(tmp_path), ["loop"]) == {"loop": []}
    os.mkfifo(tmp_path / "kallsyms")
    assert init_functions(str(tmp_path), ["loop"]) == {"loop": []}
    assert init_functions(str(tmp_path), []) == {}


def test_what_has_no_end_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kallsyms, "_SIZE_LIMIT", 2**20)
    (tmp_path / "kallsyms").symlink_to("/dev/zero")
    assert init_functions(str(tmp_path), ["loop"]) == {"loop": []}
    (tmp_path / "many").mkdir()
    line = b"0 d __initcall__kmod_loop__1_2_f6\n"
    (tmp_path / "many/kallsyms").write_bytes(line * 100)
    assert init_functions(str(tmp_path / "many"), ["loop"]) == {"loop": ["f"] * 16}
