"""Who must agree to a request, in which order, and what follows: plain Python, values in and values out, no I/O."""
