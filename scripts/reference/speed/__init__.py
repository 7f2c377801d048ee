"""The work of each experiment in PyTorch and in JAX: what scripts/bench measures beside our programs.

A module for each experiment. Its `problem` draws in NumPy what all forms of the work begin with; `eager`
is a notebook's PyTorch, `best` the fastest PyTorch that its author could write, `jax` the same in JAX,
and `limit` says which matrix products or bytes a step can't do without. `draws` of a problem is what a
step is given instead of random numbers where forms are compared (agree.py).

PyTorch and JAX are imported by the functions that need them, so that a process holds one of the two: its
memory and its threads are then its own.
"""
