from . import (
    assets as assets,
    base as base,
    deploy as deploy,
    keras2 as keras2,
    learner as learner,
    lesson as lesson,
    methods as methods,
    session as session,
)
from .base.profile import by_profile as by_profile
from .session.lab import start as start

__version__: str
