"""Where a stranger's bytes meet a genuine loader: a child process that can do nothing but answer.

`witness.py` is the parent's side. `worker.py` and `lockdown.py` run in the child only; `worker.py` is the one module of the
product that may import an unpickler, and `lockdown.py` the one that may call the kernel through ctypes.
"""
