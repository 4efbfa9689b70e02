"""The source form of a lesson: percent format, header, parameters, parts, and links to its neighbours.

Belongs here: reading a lesson's source or notebook into values, without executing anything.
Does not belong here: writing notebooks (`authoring`), and running them (`runner`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
