"""What happens in the sandbox of make deb stays there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from deb import build
from deb.chroot import chroot
from deb.errors import DebError
from deb.sandbox import Sandbox

pytestmark = pytest.mark.chroot

CHANGES = """\
Format: 1.8
Date: Thu, 26 Nov 2026 00:00:00 +0000
Source: kmodd
Architecture: all
Version: 0.1.0
Distribution: nowhere
Maintainer: nobody
Changes:
 kmodd (0.1.0) nowhere; urgency=medium
"""


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """One, that sees ``tmp_path`` as /exchange."""
    monkeypatch.setenv("KMODD_TEST_VARIABLE", "of the machine")
    with Sandbox(chroot(build.SUITE), tmp_path) as opened:
        yield opened


def test_it_is_the_suite_without_a_network(sandbox: Sandbox) -> None:
    assert f"VERSION_CODENAME={build.SUITE}\n" in sandbox.check("cat", "/etc/os-release")
    interfaces = [
        line.partition(":")[0].strip() for line in sandbox.check("cat", "/proc/net/dev").splitlines()
    ]
    assert interfaces[2:] == ["lo"]


def test_only_the_exchange_leads_out_of_it(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.check("sh", "-c", "touch /etc/seen-by-nobody; echo kept > /exchange/file")
    assert (tmp_path / "file").read_text() == "kept\n"
    assert not Path("/etc/seen-by-nobody").exists()
    assert "KMODD_TEST_VARIABLE" not in sandbox.check("env")
    processes = [name for name in sandbox.check("ls", "/proc").split() if name.isdigit()]
    assert len(processes) == 2  # that of the sandbox, and ls


def test_the_answer_is_what_the_command_came_to(sandbox: Sandbox) -> None:
    answer = sandbox.run(
        "sh", "-c", 'pwd; echo "$WORD" >&2; exit 3', directory="/usr", environment={"WORD": "b"}
    )
    assert answer == (3, "/usr\nb\n")
    with pytest.raises(DebError, match=r"(?s)no-such.*this failed \(2\): ls /no-such"):
        sandbox.check("ls", "/no-such")


def test_nothing_is_left_of_it(tmp_path: Path) -> None:
    with Sandbox(chroot(build.SUITE), tmp_path) as opened:
        opened.check("true")
        mount_point = Path(opened.mount_point)
        assert mount_point.exists()
    assert not mount_point.exists()
    with pytest.raises(DebError, match="not open"):
        opened.run("true")


def test_a_chroot_that_cannot_be_unpacked_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.tar"
    broken.write_text("no tar file")
    sandbox = Sandbox(broken, tmp_path)
    with pytest.raises(DebError, match="no sandbox"), sandbox:
        pass
    assert not Path(sandbox.mount_point).exists()


def test_a_sandbox_that_is_ended_from_outside_says_so(sandbox: Sandbox) -> None:
    with pytest.raises(DebError, match="ended while this ran: sh"):
        sandbox.run("sh", "-c", "kill -INT 1; sleep infinity")


def test_what_lintian_warns_of_ends_the_build(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "kmodd.changes").write_text(CHANGES)
    sandbox.check("cp", "--recursive", "/exchange", "/build")
    sandbox.check("chmod", "755", "/build")
    with pytest.raises(DebError, match="bad-distribution-in-changes-file nowhere"):
        build.lintian(sandbox, "/build")
