"""Right answers to the exercises of lesson 33, in other forms than the course's own."""

from __future__ import annotations

import numpy as np


def with_take(kernel, bias, outgoing, kept):
    """Use take."""
    return [np.take(kernel, kept, axis=1), np.take(bias, kept), np.take(outgoing, kept, axis=0)]


def with_matrix(kernel, bias, outgoing, kept):
    """Multiply by a selection."""
    chosen = np.eye(len(bias))[kept]
    return kernel @ chosen.T, chosen @ bias, chosen @ outgoing


def with_lists(kernel, bias, outgoing, kept):
    """Collect neuron by neuron."""
    columns = [kernel[:, k] for k in kept]
    rows = [outgoing[k] for k in kept]
    kernel = np.stack(columns, axis=1) if columns else np.zeros((len(kernel), 0))
    return kernel, [bias[k] for k in kept], np.array(rows).reshape(len(rows), outgoing.shape[1])


def step_by_step(kernel, size, channels, filters, share):
    """Replace zeros by one."""
    inputs, outputs = round(channels * share) or 1, round(filters * share) or 1
    parameters = (kernel**2 * inputs + 1) * outputs
    return parameters, (parameters - outputs) * size**2


def in_numpy(kernel, size, channels, filters, share):
    """Compute both numbers at once."""
    inputs, outputs = np.maximum(1, np.rint(share * np.array([channels, filters])))
    weights = kernel * kernel * inputs * outputs
    return np.array([weights + outputs, size * size * weights])


def by_definition(gram, count):
    """Compute the whole loss of each candidate."""
    gone = []
    while len(gram) - len(gone) > count:
        stay = [c for c in range(len(gram)) if c not in gone]
        loss = {c: gram[np.ix_([*gone, c], [*gone, c])].sum() for c in stay}
        gone.append(max(c for c in stay if loss[c] == min(loss.values())))
    return sorted(set(range(len(gram))) - set(gone))


def with_mask(gram, count):
    """Keep a mask of what is gone."""
    stay = np.ones(len(gram), dtype=bool)
    while stay.sum() > count:
        rise = np.where(stay, np.diag(gram) + 2 * gram[:, ~stay].sum(axis=1), np.inf)
        stay[len(rise) - 1 - rise[::-1].argmin()] = False
    return np.flatnonzero(stay)


def with_sorted(gram, count):
    """Sort by the rise, then by the index from the end."""
    gone: list[int] = []
    for _ in range(len(gram) - count):
        rest = [c for c in range(len(gram)) if c not in gone]
        gone.append(sorted(rest, key=lambda c: (gram[c, c] + 2 * sum(gram[c, d] for d in gone), -c))[0])
    return np.setdiff1d(np.arange(len(gram)), gone)


ATTEMPTS = {
    "33.1": {"take": with_take, "matrix": with_matrix, "lists": with_lists},
    "33.2": {
        "step by step": step_by_step,
        "numpy": in_numpy,
        "list": lambda k, s, c, f, share: [
            (k * k * max(round(share * c), 1) + 1) * max(round(share * f), 1),
            (s * k) ** 2 * max(round(c * share), 1) * max(round(f * share), 1),
        ],
    },
    "33.3": {"definition": by_definition, "mask": with_mask, "sorted": with_sorted},
}
