"""Where this machine gets Debian from, as its own apt is configured."""

import subprocess

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_FORMAT = "$(LABEL)|$(COMPONENT)|$(REPO_URI)"


class NoMirror(Exception):
    """apt of this machine knows no Debian; the message says what to do."""


def mirror() -> str:
    """URI of Debian's archive: where apt reads Debian's main from (apt-get(8), indextargets)."""
    ask = ["apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages"]
    answer = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
    for line in answer.splitlines():
        label, component, uri = line.split("|")
        if (label, component) == ("Debian", "main"):
            return uri
    raise NoMirror("apt has no list of Debian's main archive; run: apt-get update")


def source(suite: str) -> str:
    """A line of sources.list(5) for a suite, which need not be the machine's own."""
    return f"deb [signed-by={KEYRING}] {mirror()} {suite} main"
