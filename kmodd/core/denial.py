"""A denied module that is not in the kernel, or can never leave it: what was proved of its denial."""

from kmodd.core.draft import Draft, Verdict
from kmodd.core.resolve import DesiredModule
from kmodd.model import ConfLine, Proof
from kmodd.shown import Condition

_MOST_SHOWN = 5


def absent(draft: Draft, module: DesiredModule) -> Verdict:
    """``denied`` only where libkmod itself was seen to refuse it; who stands against it is named."""
    proof = draft.evidence.proofs.get(module.name)
    barred = f"; {module.barred} on the kernel command line denies it too" if module.barred else ""
    if proof is None:
        problem = draft.evidence.problem or "nothing keeps others from loading it yet"
        return Verdict(Condition.UNVERIFIABLE, f"not in the kernel, but {problem}{barred}")
    if proof.open_ways:
        return _open(proof)
    if not draft.info(module.name).exists:
        return Verdict(
            Condition.DENIED, f"this kernel has no such module, and modprobe would refuse it{barred}"
        )
    aliases = proof.checked - 1
    more = f" and {aliases} alias{'' if aliases == 1 else 'es'}" if aliases > 0 else ""
    return Verdict(Condition.DENIED, f"not in the kernel, and refused by its name{more}{barred}")


def builtin_denied(draft: Draft, module: DesiredModule) -> Verdict:
    """A builtin is there from the start; only the kernel command line could have kept it from working."""
    proof = draft.evidence.proofs.get(module.name)
    functions = ",".join(proof.init_functions) if proof else ""
    advice = f"initcall_blacklist={functions or 'ITS_INIT_FUNCTION'} on the kernel command line would stop it"
    return Verdict(Condition.DENIED_BUILTIN, f"it is built into this kernel; {advice}")


def _open(proof: Proof) -> Verdict:
    ways = ", ".join(proof.open_ways[:_MOST_SHOWN])
    more = f" and {len(proof.open_ways) - _MOST_SHOWN} more" if len(proof.open_ways) > _MOST_SHOWN else ""
    lines = tuple(map(_shown, proof.culprits))
    because = f"; in the way stands {', '.join(lines[:_MOST_SHOWN])}" if lines else ""
    return Verdict(
        Condition.CONFLICT, f"modprobe would still load it by {ways}{more}{because}", blockers=lines
    )


def _shown(line: ConfLine) -> str:
    return f"{line.location} ({line.text})"
