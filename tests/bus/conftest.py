"""The bus that a test is on."""

from collections.abc import Iterator

import pytest

from tests.bus.private_bus import PrivateBus, private_bus


@pytest.fixture
def bus() -> Iterator[PrivateBus]:
    """A private bus, with the packaged policy; the tests' own user may own the names."""
    with private_bus() as running:
        yield running
