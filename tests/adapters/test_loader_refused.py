"""Questions that cannot even be put to the loader: an error with a sentence, as every other."""

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from errno import EMFILE
from pathlib import Path

import pytest

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.client import LoaderClient
from kmodd.names import ModuleName
from tests.adapters.loader_fixture import Sandbox

A = ModuleName("a")
QUESTIONS: dict[str, Callable[[LoaderClient], Awaitable[object]]] = {
    "lookup": lambda client: client.lookup([A]),
    "restraint": lambda client: client.restraint([A], []),
    "users": lambda client: client.users([A]),
    "symbols": lambda client: client.symbols(A),
}


@pytest.mark.parametrize("verb", ["lookup", "restraint"])
def test_a_setting_too_long_for_a_packet(verb: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        client = LoaderClient(Sandbox(tmp_path).roots)
        client.modprobe_file = f"/etc/{'x' * 40_000}.conf"
        try:
            await QUESTIONS[verb](client)
        finally:
            await client.close()

    with pytest.raises(KmoddError, match=f"cannot be asked for a {verb}: Argument list too long") as raised:
        asyncio.run(scenario())
    assert raised.value.kind is ErrorKind.LOADER_LOST


@pytest.mark.parametrize("verb", QUESTIONS)
def test_no_descriptor_is_left_for_its_socket(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_pair(*_arguments: object) -> None:
        raise OSError(EMFILE, os.strerror(EMFILE))

    async def scenario() -> None:
        monkeypatch.setattr(socket, "socketpair", no_pair)
        await QUESTIONS[verb](LoaderClient(Sandbox(tmp_path).roots))

    # The loop has a pair of its own, which is there before.
    loop = asyncio.new_event_loop()
    with pytest.raises(KmoddError, match="Too many open files") as raised:
        loop.run_until_complete(scenario())
    loop.close()
    assert raised.value.kind is ErrorKind.LOADER_LOST


def test_the_package_is_replaced_before_the_first_loader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module that starts it is gone for a moment; the next question finds it again."""

    async def scenario() -> None:
        client = LoaderClient(Sandbox(tmp_path).roots)
        with monkeypatch.context() as replacing:
            replacing.setitem(sys.modules, "kmodd.kernel.process", None)
            with pytest.raises(KmoddError, match="the loader cannot be started") as raised:
                await client.users([A])
            assert raised.value.kind is ErrorKind.LOADER_LOST
            client.expect(soon=True)
            assert not client.pid
        try:
            assert await client.users([A]) == {A: ()}
        finally:
            await client.close()

    asyncio.run(scenario())
