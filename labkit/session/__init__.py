"""The object that a notebook calls: `lab = start(…)`, and its measurements, claims, checks and displays.

Belongs here: what a page records as typed events, and how it shows tables, figures and sentences.
Does not belong here: methods, models and measurements themselves (`methods`, `keras2`, `deploy`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
