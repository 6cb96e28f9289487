"""Names in 40 languages: each of one language alone, each thing in one part alone."""

import sys
import unicodedata
from collections import Counter, defaultdict

import pytest
from babel import Locale

from regard.data import languages as module
from regard.data.labelled import LabelsConfig
from regard.data.labels import load
from regard.data.languages import LANGUAGES, names
from regard.errors import MissingExtra


def test_forty_languages_have_names_enough():
    counts = Counter(name.label for name in names())
    assert len(LANGUAGES) == 40 == len(counts)
    assert set(counts) == set(LANGUAGES.values())
    assert min(counts.values()) > 300
    assert len(names()) > 30_000


def test_labels_are_the_english_names():
    english = Locale.parse("en").languages
    for locale, label in LANGUAGES.items():
        assert english[locale].startswith(label)


def test_a_name_has_one_language_and_stands_once():
    folded = Counter(name.text.casefold() for name in names())
    assert set(folded.values()) == {1}
    owners = defaultdict(set)
    for locale in LANGUAGES:
        for text in Locale.parse(locale).territories.values():
            owners[" ".join(text.split()).casefold()].add(locale)
    shared = {text for text, locales in owners.items() if len(locales) > 1}
    assert "angola" in shared
    assert not shared & set(folded)


def test_names_are_plain_texts():
    for name in names():
        assert name.text == " ".join(name.text.split())
        assert any(unicodedata.category(letter).startswith("L") for letter in name.text)


def test_a_country_and_its_currencies_are_one_thing():
    of = {(name.text, name.label): name.concept for name in names()}
    assert of["Deutschland", "German"] == "territory DE"
    assert of["Deutsche Mark", "German"] == of["marco alemán", "Spanish"] == "territory DE"
    assert of["Österreichisches Deutsch", "German"] == of["Deutsch", "German"] == "language de"
    assert of["East Caribbean Dollar", "English"] == "territory XCD"
    assert of["Viro", "Finnish"] == "territory EE"  # the language is called so too


def test_nothing_is_named_in_two_parts():
    concept = {(name.text, name.label): name.concept for name in names()}
    for seed in range(2):
        parts = load(["languages"], LabelsConfig(seed=seed, units="characters"))
        found = [{concept[row] for row in part} for part in parts.parts]
        total = len(set().union(*found))
        assert sum(map(len, found)) == total
        assert [len(part) for part in found[1:]] == [round(0.1 * total)] * 2
        assert all(len({row.label for row in part}) == 40 for part in parts.parts)
        assert sum(map(len, parts.parts)) == len(names())


def test_limit_and_seed():
    whole, short = (load(["languages"], LabelsConfig(limit=limit)) for limit in (None, 500))
    assert len(short.train) == 500
    assert set(short.train) < set(whole.train)
    assert short[1:3] == whole[1:3]
    assert load(["languages"], LabelsConfig()) == whole
    assert load(["languages"], LabelsConfig(seed=1)).test != whole.test


def test_without_babel(monkeypatch):
    monkeypatch.setitem(sys.modules, "babel", None)
    module.names.cache_clear()
    with pytest.raises(MissingExtra, match=r"pip install 'regard\[text\]'"):
        names()
