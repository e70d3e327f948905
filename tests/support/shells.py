"""What a shell offers for the last word of a line, each shell asked in its own way, with our files alone."""

import os
import pty
import re
import shlex
import subprocess
import tty
from collections.abc import Mapping
from pathlib import Path

SHELLS = ("bash", "fish", "zsh")
COMPLETIONS = Path(__file__).parents[2] / "packaging" / "completions"

_END_TIMEOUT_S = 60
_READ_BYTES = 4096
_ZSHRC = """
PS1=
fpath=({directory} $fpath)
autoload -Uz compinit && compinit -D -u
"""
# compadd(zshcompwid) with -O says what it would have added.
_TELLS = """
compadd() {{
    [[ ${{@[1,(i)(-|--)]}} == *-(O|A|D)\\ * ]] || {{
        local -a offered
        builtin compadd -O offered "$@"
        print -rl -- $offered >>{answer}
    }}
    builtin compadd "$@"
}}
"""
_NEVER_MIND = b"\x15exit\n"
"""Take the line back (kill-whole-line) and end."""


def offered(shell: str, line: str, environment: Mapping[str, str], scratch: Path) -> list[str]:
    """What ``shell`` offers, sorted; ``scratch`` is a directory of this call's own."""
    match shell:
        case "bash":
            return _bash(line, environment)
        case "fish":
            return _fish(line, environment)
        case _:
            return _zsh(line, environment, scratch)


def typed(shell: str, keys: str, environment: Mapping[str, str], scratch: Path) -> None:
    """Type ``keys`` and a line's end at a terminal, and have the shell carry out what has become of them."""
    file = shlex.quote(str(COMPLETIONS / f"kmoddctl.{shell}"))
    command = {
        "bash": ["bash", "--noprofile", "--rcfile", str(scratch / ".bashrc"), "-i"],
        "fish": ["fish", "--no-config", "--init-command", f"source {file}", "-i"],
        "zsh": ["zsh", "-d", "-i"],
    }
    (scratch / ".bashrc").write_text(f"PS1=; source {file}\n")
    (scratch / ".zshrc").write_text(_ZSHRC.format(directory=COMPLETIONS))
    _at_terminal(command[shell], keys.encode() + b"\n" + _NEVER_MIND, environment, scratch)


def _bash(line: str, environment: Mapping[str, str]) -> list[str]:
    """As bash(1) calls a function given by ``complete -F``."""
    # A "=" is a word of its own to readline.
    words = [part for word in line.split(" ") for part in filter(None, re.split("(=)", word))]
    words += [""] if line.endswith(" ") else []
    given = " ".join(shlex.quote(word) for word in words)
    script = f"""
source {shlex.quote(str(COMPLETIONS / "kmoddctl.bash"))}
COMP_WORDS=({given})
COMP_CWORD={len(words) - 1}
[[ $(complete -p kmoddctl) =~ -F\\ ([^ ]+) ]]
"${{BASH_REMATCH[1]}}" kmoddctl "${{COMP_WORDS[COMP_CWORD]#=}}" ""
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return _answer(["bash", "--norc", "--noprofile", "-c", script], environment)


def _fish(line: str, environment: Mapping[str, str]) -> list[str]:
    """As ``complete -C`` of fish(1) answers, without descriptions."""
    file = shlex.quote(str(COMPLETIONS / "kmoddctl.fish"))
    script = f"source {file}; complete -C {shlex.quote(line)}"
    return [row.partition("\t")[0] for row in _answer(["fish", "--no-config", "-c", script], environment)]


def _zsh(line: str, environment: Mapping[str, str], scratch: Path) -> list[str]:
    """As the line editor of zsh(1) offers at a terminal."""
    answer = scratch / "answer"
    (scratch / ".zshrc").write_text((_ZSHRC + _TELLS).format(directory=COMPLETIONS, answer=answer))
    answer.write_text("")
    _at_terminal(["zsh", "-d", "-i"], line.encode() + b"\t" + _NEVER_MIND, environment, scratch)
    return sorted(filter(None, answer.read_text().splitlines()))


def _at_terminal(command: list[str], keys: bytes, environment: Mapping[str, str], scratch: Path) -> None:
    """Run a shell at a terminal of its own (setsid(1)), at which ``keys`` are typed, to its end."""
    master, slave = pty.openpty()
    try:
        # What is typed before the shell listens is not to be edited by the terminal itself.
        tty.setraw(slave)
        os.write(master, keys)
        own = {**environment, "ZDOTDIR": str(scratch), "TERM": "xterm"}
        whole = ["setsid", "--ctty", "--wait", *command]
        with subprocess.Popen(whole, stdin=slave, stdout=slave, stderr=slave, env=own):
            os.close(slave)
            _drain(master)
    finally:
        os.close(master)


def _answer(command: list[str], environment: Mapping[str, str]) -> list[str]:
    """Lines that a shell answers, sorted; it must not say anything else, and must not fail."""
    run = subprocess.run(
        command, env=dict(environment), capture_output=True, text=True, check=True, timeout=_END_TIMEOUT_S
    )
    assert run.stderr == ""
    return sorted(filter(None, run.stdout.splitlines()))


def _drain(descriptor: int) -> None:
    """Read until nobody has the terminal any more, which it says with EIO."""
    while True:
        try:
            os.read(descriptor, _READ_BYTES)
        except OSError:
            return
