"""The Jupyter kernel that executes a notebook: ``python3``, or the one that ``--kernel`` or $LABKIT_KERNEL names."""

from __future__ import annotations

from labkit.base import settings
from labkit.base.errors import one_of

DEFAULT = "python3"


def check(name: str | None = None) -> str:
    """Return the name of the Jupyter kernel to use: *name*, else $LABKIT_KERNEL, else ``python3``.

    Raises UsageError when Jupyter has no kernel of that name.
    """
    name = name or settings.KERNEL.read() or DEFAULT
    if name != DEFAULT:
        from jupyter_client.kernelspec import KernelSpecManager

        one_of("Jupyter kernel", name, sorted({DEFAULT, *KernelSpecManager().find_kernel_specs()}))
    return name
