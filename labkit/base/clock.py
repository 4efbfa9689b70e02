"""The processor time of this process, the unit of a page's budget.

Two notebooks that run side by side on two processors take longer by the clock on the wall, and no more processor time.
"""

from __future__ import annotations

import sys
import time


def cpu_seconds() -> float:
    """Return the processor time that this process and its ended children have taken since it started, in seconds.

    A child counts once it has ended and has been waited for. Windows knows no such sum: this process alone counts.
    """
    if sys.platform == "win32":
        return time.process_time()
    import resource

    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
