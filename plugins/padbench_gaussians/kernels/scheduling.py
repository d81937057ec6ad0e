"""Run a kernel on several threads, which take numbered tasks from a shared counter until none is left.

Plain Python threads around kernels that release the GIL: they need no numba threading layer, compile faster than
`prange`, leave no spinning workers behind, and one thread is a plain call. Tasks write to places of their own, so
results depend neither on the number of threads nor on who takes which task.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic as numba_intrinsic

# What numba calls with two arguments more than its caller writes.
intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = numba_intrinsic

_pool: ThreadPoolExecutor | None = None
_pool_size = 0


@intrinsic
def next_task(typing_context: Any, counter: Any) -> Any:
    """Take the next task number from an int64 array of one element, atomically."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        data = context.make_array(sig.args[0])(context, builder, arguments[0]).data
        return builder.atomic_rmw("add", data, context.get_constant(types.int64, 1), "monotonic")

    return types.int64(counter), build


def run(kernel: Callable[..., None], threads: int, *arguments: Any) -> None:
    """Call `kernel(counter, *arguments)` on `threads` threads at once, one of them the caller's."""
    counter = np.zeros(1, np.int64)
    if threads <= 1:
        kernel(counter, *arguments)
        return
    pool = _workers(threads - 1)
    futures = [pool.submit(kernel, counter, *arguments) for _ in range(threads - 1)]
    kernel(counter, *arguments)
    for future in futures:
        # A worker that has not even started finds nothing left to do: there is no need to wait for it.
        if not future.cancel():
            future.result()


def _workers(count: int) -> ThreadPoolExecutor:
    global _pool, _pool_size
    if _pool is None or _pool_size < count:
        _pool = ThreadPoolExecutor(count, thread_name_prefix="padbench-gaussians")
        _pool_size = count
    return _pool


def _forget_workers() -> None:
    global _pool, _pool_size
    _pool, _pool_size = None, 0


if hasattr(os, "register_at_fork"):
    # Threads do not survive a fork: a child must start its own.
    os.register_at_fork(after_in_child=_forget_workers)
