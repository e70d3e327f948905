"""Everything that a shell runs as root, or in a person's own: shellcheck finds nothing."""

from pathlib import Path

import pytest

from tests.packaging.building import PACKAGING, parsed_spec, run

_SCRIPTS = {
    "debian/kmodd.postinst": "sh",
    "debian/kmodd.prerm": "sh",
    "debian/kmodd.postrm": "sh",
    "debian/tests/installed": "sh",
    "debian/tests/declared": "sh",
    "po/update": "sh",
    "completions/kmoddctl.bash": "bash",
    "arch/kmodd.install": "sh",
    "arch/PKGBUILD": "bash",
    "initramfs/hook": "sh",
    "initramfs/post-update": "sh",
    "initramfs/kernel-postrm": "sh",
}
# makepkg(8) reads what is assigned, gives $srcdir and $pkgdir, and stops at the first command that fails.
_OF_MAKEPKG = ("--exclude=SC2034,SC2154,SC2164",)


@pytest.mark.parametrize("name", _SCRIPTS)
def test_scripts(name: str) -> None:
    more = _OF_MAKEPKG if name.endswith("PKGBUILD") else ()
    assert run("shellcheck", f"--shell={_SCRIPTS[name]}", *more, PACKAGING / name) == ""


@pytest.mark.parametrize("name", ["post", "preun", "postun"])
def test_scriptlets_of_the_rpm(name: str, tmp_path: Path) -> None:
    script = tmp_path / name
    script.write_text(parsed_spec(tmp_path).partition(f"\n%{name}\n")[2].partition("\n%")[0] + "\n")
    assert script.read_text().strip()
    assert run("shellcheck", "--shell=sh", script) == ""
