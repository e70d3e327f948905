"""Pure functions on frozen data: resolve, order, plan, explain. No I/O of any kind."""
