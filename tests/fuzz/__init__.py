"""What is read from outside, fed with bytes: libFuzzer's in ``make fuzz``, the corpus in ``make test``."""
