"""Who keeps a module in the kernel: in words, for the person who wants it out."""

from kmodd.core.draft import Draft
from kmodd.model import ObservedModule, User
from kmodd.names import ModuleName


def users_of(draft: Draft, seen: ObservedModule) -> tuple[User, ...]:
    """What uses it and is no module, as far as it was looked into; asks for it where it was not."""
    draft.asks.add(seen.name)
    return draft.evidence.users.get(seen.name, ())


def references(draft: Draft, seen: ObservedModule) -> tuple[str, ...]:
    """What its refcount comes from, apart from holders: those found, then how many nobody accounts for.

    While it has holders, the rest may be theirs too (each scheduler takes another reference to ip_vs), and
    goes with them; what then is left makes the kernel refuse. Where it has, they stay until the count falls.
    """
    if seen.refcount <= len(seen.holders):
        return ()
    found = [user for user in users_of(draft, seen) if user.references]
    rest = seen.refcount - len(seen.holders) - sum(user.references for user in found)
    is_known = rest <= 0 or (seen.holders and not _has_refused(draft, seen))
    return (*(user.text for user in found), *(() if is_known else (f"unattributed: {rest}",)))


def _has_refused(draft: Draft, seen: ObservedModule) -> bool:
    """Whether its holders were taken out already, to no avail: it was in use without them."""
    attempt = draft.memory.attempts.get(seen.name)
    return attempt is not None and 0 < attempt.refcount <= seen.refcount


def at_work(draft: Draft, seen: ObservedModule) -> tuple[str, ...]:
    """What would be cut off although the kernel does not count it: network interfaces that are up."""
    return tuple(user.text for user in users_of(draft, seen) if user.kind == "interface")


def serves(draft: Draft, name: ModuleName) -> str:
    """Devices that its drivers are bound to, for the end of a sentence: they block nothing by themselves, and
    are often what others use it through."""
    devices = [user.text for user in draft.evidence.users.get(name, ()) if user.kind == "device"]
    return f"; it serves {', '.join(devices)}" if devices else ""
