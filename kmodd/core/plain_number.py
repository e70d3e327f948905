"""Values of parameters as a person would write them in a file."""

_LONGEST_NUMBER = 18  # digits that fit into 64 bits, with or without a sign


def typed(text: str) -> int | str:
    """A number as one where it is written back as the very same text, so that the kernel gets that."""
    digits = text.removeprefix("-")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_NUMBER
    return int(text) if is_number and str(int(text)) == text else text
