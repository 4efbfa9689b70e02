"""Lossless codes: prefix codes and run lengths (`codes`), range coding (`range_coder`), adaptive models (`adaptive`).

Belongs here: symbols in, bits or lengths out, and back; the bound that each code has.
Does not belong here: the file format built from them (`labkit.methods.lkz`) and lossy steps (`methods.cluster`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
