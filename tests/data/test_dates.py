import hashlib
import os
import re
import subprocess
import sys
import unicodedata
from collections import defaultdict
from datetime import date
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.data.dates import FIRST, LAST, LOCALES, _misspell, dates, misspell, year_span
from regard.data.dates_cldr import LENGTHS, forms, forms_by_month
from regard.data.dates_forms import plain, unpunctuated
from regard.errors import MissingExtra, RangeError

BASTILLE = date(1789, 7, 14)


@pytest.fixture(scope="module")
def parts():
    return dates()


@pytest.fixture(scope="module")
def pairs(parts):
    return [pair for part in parts.parts for pair in part]


def writings(day: date) -> set[str]:
    """All that the habits make of ``day``, typing errors apart."""
    texts = {f.write(day, t) for f in forms_by_month()[day.month - 1] for t in f.templates}
    texts |= {text.lower() for text in texts}
    return texts | {unpunctuated(text) for text in texts}


def ascii_digits(text: str) -> str:
    return re.sub(r"\d", lambda digit: str(unicodedata.decimal(digit[0])), text)


@pytest.mark.parametrize(
    ("locale", "length", "text"),
    [
        ("fr", "full", "mardi 14 juillet 1789"),
        ("de", "long", "14. Juli 1789"),
        ("en", "medium", "Jul 14, 1789"),
        ("ru", "long", "14 июля 1789 г."),
        ("ja", "long", "1789年7月14日"),
        ("ko", "medium", "1789. 7. 14."),
        ("lt", "medium", "1789-07-14"),
        ("ar_EG", "long", "١٤ يوليو ١٧٨٩"),
        ("ar", "long", "14 يوليو 1789"),
        ("bn", "medium", "১৪ জুল, ১৭৮৯"),
        ("mr", "full", "मंगळवार, १४ जुलै, १७८९"),
        ("fa", "long", "۱۴ ژوئیهٔ ۱۷۸۹"),
        ("ur", "medium", "14 جولائی، 1789"),
    ],
)
def test_forms_of_the_cldr(locale, length, text):
    (form,) = (form for form in forms() if (form.locale, form.length) == (locale, length))
    assert form.write(BASTILLE) == text


@pytest.mark.parametrize(
    "text",
    [
        *("le 14 juillet 1789", "jul 14 1789", "14 juil 1789", "den 14. juli 1789"),
        *("1789. július 14.", "1789 оны долоодугаар сарын 14", "14, జులై 1789", "14 июля 1789 г"),
    ],
)
def test_habits(text):
    assert text in writings(BASTILLE)


def test_forms_are_those_of_babel():
    from babel.dates import format_date

    for day in (BASTILLE, FIRST, LAST, date(2024, 2, 29), date(1950, 11, 5)):
        for form in forms():
            expected = format_date(day, form.length, form.locale).replace("\u202f", " ")
            assert ascii_digits(form.write(day)) == ascii_digits(expected), form.locale


def test_breadth(pairs):
    assert len(set(LOCALES)) == len(LOCALES) >= 100
    assert {form.locale for form in forms()} == set(LOCALES)
    assert all(sum(form.length == length for form in forms()) >= 100 for length in LENGTHS)
    letters = {letter for pair in pairs for letter in pair.source if letter.isalpha()}
    scripts = {unicodedata.name(letter).split()[0] for letter in letters} - {"MODIFIER"}
    assert len(scripts) >= 25


def test_parts_share_no_date(parts, pairs):
    assert [len(part) for part in parts.parts] == [40_000, 1_000, 1_000]
    assert len({pair.target for pair in pairs}) == 42_000
    assert all(FIRST <= date.fromisoformat(pair.target) <= LAST for pair in pairs)


def test_test_part_does_not_hang_on_the_others(parts):
    assert dates(train=0, valid=0).test == parts.test
    assert dates(1, train=0, valid=0).test != parts.test


def test_year_span(pairs):
    for source, target in pairs:
        (digits,) = re.findall(r"\d{4,}", source)
        start, stop = year_span(source)
        assert source[start:stop] == digits
        assert ascii_digits(digits) == target[:4]
    assert year_span("14 juillet 89, 14789") is None


def test_no_text_has_two_targets(pairs):
    targets = defaultdict(set)
    for source, target in pairs:
        targets[plain(source)].add(target)
    assert max(map(len, targets.values())) == 1


def test_no_month_name_has_two_months():
    months = defaultdict(set)
    for month, kept in enumerate(forms_by_month(), 1):
        for form in kept:
            months[plain(form.months[month - 1])].add(month)
            months[dict(form.month_words())[month]].add(month)
    assert max(map(len, months.values())) == 1
    assert "listopada" not in months
    assert "lis" not in months


def test_undecidable_numbers_are_left_out(pairs):
    texts = {pair.source for pair in pairs} | writings(BASTILLE)
    for text in map(ascii_digits, texts):
        if not any(letter.isalpha() for letter in text):
            assert re.match(r"\d{4}\D", text), text
        assert not re.search(r"(?<!\d)\d\d?\W+\d\d?\W+\d{4}", text), text


def test_only_training_texts_have_typing_errors(parts):
    def wrong(pairs):
        return sum(source not in writings(date.fromisoformat(target)) for source, target in pairs)

    assert wrong(parts.valid[:300]) == wrong(parts.test[:300]) == 0
    assert 170 <= wrong(parts.train[:300]) <= 210


SCRIPT = """
import hashlib, sys
from regard.data.dates import dates
assert "babel" not in sys.modules
if sys.argv[1] == "1":
    from datetime import date
    from babel.dates import format_date
    for name in ("ann", "arn", "jbo", "en_Dsrt", "dv"):
        for length in ("full", "long", "medium"):
            format_date(date(1789, 7, 14), length, name)
print(hashlib.sha256(repr(dates(3, train=3000)).encode()).hexdigest())
"""


@pytest.mark.parametrize("number", ["0", "1"])
def test_same_in_every_process(number):
    env = os.environ | {"PYTHONHASHSEED": number, "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", SCRIPT, number]
    digest = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    here = hashlib.sha256(repr(dates(3, train=3000)).encode()).hexdigest()
    assert digest.strip() == here


def test_errors(monkeypatch):
    with pytest.raises(RangeError, match="219,146"):
        dates(train=219_146, valid=1, test=0)
    with pytest.raises(RangeError, match="valid=-1"):
        dates(valid=-1)
    monkeypatch.setitem(sys.modules, "babel", None)
    with pytest.raises(MissingExtra, match=re.escape("pip install 'regard[text]'")):
        forms.__wrapped__()


WORDS = st.text(st.characters(categories=["L", "N", "M", "P", "Zs"])) | st.text("ab1٣é 年月.")


def common(one: str, other: str) -> int:
    """The length of what both begin with."""
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


@given(WORDS, st.integers())
def test_misspell_changes_one_letter(text, seed):
    wrong = misspell(text, Random(seed))
    assert re.findall(r"\d+", wrong) == re.findall(r"\d+", text)
    if not any(letter.isalpha() for letter in text):
        assert wrong == text
        return
    start = common(text, wrong)
    end = common(text[start:][::-1], wrong[start:][::-1])
    old, new = text[start : len(text) - end], wrong[start : len(wrong) - end]
    assert all(letter.isalpha() for letter in old + new)
    doubled = not old and len(new) == 1 and new in text[max(0, start - 1) : start + 1]
    deleted = len(old) == 1 and not new
    replaced = len(old) == len(new) == 1 and old != new
    swapped = len(old) == 2 and new == old[::-1] != old
    assert doubled or deleted or replaced or swapped


def test_misspell_makes_every_kind_of_error():
    seen = {misspell("ab", Random(seed)) for seed in range(200)}
    assert {"aab", "abb", "a", "b", "ba", "qb", "sb", "av", "an"} <= seen
    assert "12b" not in {misspell("1a2b", Random(seed)) for seed in range(200)}
    assert {misspell("ж1", Random(seed))[:-1] for seed in range(200)} == {*"вгдезийк", "жж"}


def test_typing_errors_say_no_other_month():
    right, other = "понедельник, 14 июня 1789 г.", "понедельник, 14 июля 1789 г."
    assert other in {misspell(right, Random(seed)) for seed in range(3000)}
    assert other not in {_misspell(right, 6, Random(seed)) for seed in range(3000)}
