"""Data sets and trained networks: download, verify, train where nothing is stored, and describe.

Belongs here: registries, checksums, model architectures, training recipes and published figures.
Does not belong here: training in general (`keras2`), and measuring a file (`deploy`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
