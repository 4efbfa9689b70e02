from . import (
    child as child,
    clock as clock,
    errors as errors,
    files as files,
    learner_state as learner_state,
    legacy as legacy,
    places as places,
    profile as profile,
    quiet as quiet,
    records as records,
    settings as settings,
)
