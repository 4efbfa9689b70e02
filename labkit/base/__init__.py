"""The base of every other package: errors, argument checks, whole files, places, the profile, start-up switches.

Belongs here: small modules without knowledge of lessons, models or notebooks, that import only the standard library.
Does not belong here: anything that only one package uses.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
