"""Right answers to the exercises of lesson 54, in other forms than the course's own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np


def looped(kernel, bias):
    """Compare pair by pair."""
    vectors = [np.append(kernel[:, k], bias[k]).astype(float) for k in range(len(bias))]
    result = np.eye(len(bias))
    for i, one in enumerate(vectors):
        for j, other in enumerate(vectors):
            length = np.sqrt(one @ one) * np.sqrt(other @ other)
            if i != j and length > 0:
                result[i, j] = one @ other / length
    return result


def divided_at_the_end(kernel, bias):
    """Divide the products by the products of lengths."""
    rows = np.column_stack([kernel.T, bias]).astype("float64")
    products = rows @ rows.T
    lengths = np.sqrt(np.diag(products))
    outer = np.outer(lengths, lengths)
    return np.where(np.eye(len(bias)) > 0, 1, np.divide(products, outer, out=np.zeros_like(products), where=outer > 0))


def in_float32(kernel, bias):
    """Compute in float32, as the weights come."""
    vectors = np.concatenate([kernel, bias[None]])
    vectors = np.nan_to_num(vectors / np.linalg.norm(vectors, axis=0))
    cosines = vectors.T @ vectors
    np.fill_diagonal(cosines, 1)
    return cosines


def with_matrix(outgoing, scales, labels):
    """Multiply by a matrix of scales."""
    spread = np.zeros((labels.max() + 1, len(labels)))
    spread[labels, np.arange(len(labels))] = scales
    return spread @ outgoing


def by_group(outgoing, scales, labels):
    """Go group by group."""
    return [(scales[labels == g, None] * outgoing[labels == g]).sum(axis=0) for g in range(max(labels) + 1)]


def with_add_at(outgoing, scales, labels):
    """Add with np.add.at."""
    folded = np.zeros((len(np.unique(labels)), outgoing.shape[1]))
    np.add.at(folded, labels, outgoing * scales[:, None])
    return folded


def in_a_loop(widths, keep):
    """Walk along the layers."""
    total, before = 0, widths[0]
    for width in widths[1:-1]:
        after = max(round(width * keep), 1)
        total += before * after
        before = after
    return total + before * widths[-1]


ATTEMPTS = {
    "54.1": {"loop": looped, "at the end": divided_at_the_end, "float32": in_float32},
    "54.2": {"matrix": with_matrix, "groups": by_group, "add.at": with_add_at},
    "54.3": {
        "loop": in_a_loop,
        "dot": lambda w, keep: np.dot(
            (new := np.array([w[0], *np.maximum(1, np.rint(keep * np.array(w[1:-1]))), w[-1]]))[1:], new[:-1]
        ),
        "changed in place": lambda w, keep: sum(
            a * b for a, b in pairwise([n if k in (0, len(w) - 1) else round(keep * n) or 1 for k, n in enumerate(w)])
        ),
    },
}
