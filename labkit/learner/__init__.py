"""The learner's commands outside a notebook: working copies, progress, and the check of the installation.

Belongs here: the work behind `labkit lab`, `labkit progress` and `labkit doctor`.
Does not belong here: what happens inside a notebook (`session`), and files of learners that notebooks read (`base`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
