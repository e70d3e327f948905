"""kmodd measured beside what people would use instead: ratios within one run, on one kernel."""
