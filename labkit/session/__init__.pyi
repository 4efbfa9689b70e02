from . import (
    claim as claim,
    display as display,
    events as events,
    facts as facts,
    lab as lab,
    measure as measure,
    networks as networks,
    plot as plot,
    startup as startup,
    tables as tables,
)
