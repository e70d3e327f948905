"""Each scenario in a process of its own, under umockdev or in network and mount namespaces."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters import events_mounts, events_netlink, events_umockdev

REPOSITORY = Path(__file__).parents[2]
NAMESPACE = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
UMOCKDEV = ["umockdev-wrapper"]


def run(tool: list[str], module: str, scenario: str, scratch: Path) -> None:
    """Run one scenario; its traceback is the failure."""
    done = subprocess.run(
        [*tool, sys.executable, "-X", "dev", "-m", f"tests.adapters.{module}", scenario],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def namespace() -> list[str]:
    if subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine gives no user, network and mount namespaces (unshare(1))")
    return NAMESPACE


@pytest.fixture(scope="session")
def umockdev() -> list[str]:
    if shutil.which(UMOCKDEV[0]) is None:
        pytest.skip("umockdev is not installed (packages umockdev, libumockdev0)")
    return UMOCKDEV


@pytest.mark.shows("P6", "fault: lost events", "security 9")
@pytest.mark.parametrize("scenario", events_netlink.SCENARIOS)
def test_on_netlink(namespace: list[str], scenario: str, tmp_path: Path) -> None:
    run(namespace, "events_netlink", scenario, tmp_path)


@pytest.mark.parametrize("scenario", events_mounts.SCENARIOS)
def test_with_mounts(namespace: list[str], scenario: str, tmp_path: Path) -> None:
    run(namespace, "events_mounts", scenario, tmp_path)


@pytest.mark.parametrize("scenario", events_umockdev.SCENARIOS)
def test_under_umockdev(umockdev: list[str], scenario: str, tmp_path: Path) -> None:
    run(umockdev, "events_umockdev", scenario, tmp_path)
