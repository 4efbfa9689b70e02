from __future__ import annotations

import re

import pytest

from labkit.assets import registry
from labkit.base.errors import LabkitError, UsageError


def test_the_registry_names_both_sets_with_all_that_a_user_needs():
    assert registry.names() == ["fashion_mnist", "mnist"]
    for name in registry.names():
        entry = registry.entry(name)
        assert (entry.train, entry.test, entry.validation, entry.shape) == (60_000, 10_000, 5_000, (28, 28))
        assert len(entry.classes) == 10
        assert entry.licence and entry.citation and entry.homepage.startswith("https://")
        for file in entry.files:
            assert file.url.endswith(file.name)
            assert file.accepted[0].what == "official" and len(file.accepted) == 2
            assert all(re.fullmatch("[0-9a-f]{64}", content.sha256) for content in file.accepted)


def test_the_registry_says_how_the_rebuilt_copy_of_mnist_differs():
    assert "0.05 % of the pixels" in registry.entry("mnist").note


def test_an_unknown_set_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"'minst'; did you mean mnist\?"):
        registry.entry("minst")


@pytest.mark.parametrize("text", ["[tiny", "[tiny]\ntitle = 'no files'", "tiny = 3"])
def test_a_damaged_registry_is_one_sentence(tiny, text):
    registry.path().write_text(text)
    registry._read.cache_clear()
    with pytest.raises(LabkitError, match="cannot be read as a registry"):
        registry.names()
