"""Stories and questions about them: every answer is found again by reading the sentences."""

import re
from collections import Counter, defaultdict

import numpy as np
import pytest

from regard.data import tokens, world_words
from regard.data.questions import QuestionsConfig
from regard.data.world import World, world
from regard.data.world_asked import KINDS
from regard.data.world_draws import Draws
from regard.data.world_gathering import KIND
from regard.data.world_names import HELD_OUT, Person, is_held_out, people
from regard.data.world_names import made as made_name

PARTS = {part: World.of(part, 0, 600) for part in ("train", "valid", "test")}
STORIES = {part: [one for one in some if one.kind != KIND] for part, some in PARTS.items()}
GATHERINGS = {part: [one for one in some if one.kind == KIND] for part, some in PARTS.items()}

SENTENCE = re.compile(
    r"(?:(?P<pronoun>(?:Then|There) (?:he|she))|(?P<who>[A-Z]\w+)) "
    r"(?:(?:went|walked|travelled) to the (?P<place>\w+)"
    r"|(?:took|picked up|grabbed) the (?P<taken>\w+)"
    r"|(?:gave|handed|passed) the (?P<given>\w+) to (?P<to>\w+))\."
    r"|The (?P<first>\w+) (?:did not|would not|could not) (?P<verb>enter|go into|cross|fit into) "
    r"the (?P<second>\w+) because (?P<it>it) was too (?P<adjective>\w+)\."
)
OF_THE_FIRST = {
    "fit into": {"big", "huge", "large", "long", "thick"},
    "other": {"afraid", "hungry", "ill", "lazy", "old", "shy", "tired", "weak", "young"},
}
OF_THE_SECOND = {
    "fit into": {"narrow", "shallow", "short", "small", "tiny"},
    "enter": {"cold", "dark", "dirty", "dusty", "hot", "noisy", "smoky"},
    "go into": {"cold", "dark", "dirty", "dusty", "hot", "noisy", "smoky"},
    "cross": {"busy", "deep", "muddy", "slippery", "steep", "wide"},
}


def said(passage):
    """Each sentence: its words by their names, and where each begins. A pronoun is resolved."""
    found, end, name = [], 0, None
    for match in SENTENCE.finditer(passage):
        assert passage[end : match.start()] in ("", " ")
        end = match.end()
        here = {key: (word, match.start(key)) for key, word in match.groupdict().items() if word}
        if "pronoun" in here:
            assert name is not None, "a pronoun behind a sentence without one person"
            here["who"] = name
        name = here.get("who") if "place" in here or "taken" in here else None
        found.append(here)
    assert end == len(passage)
    return found


def referent(here):
    fits = here["verb"][0] == "fit into"
    adjective = here["adjective"][0]
    of_first = adjective in OF_THE_FIRST["fit into" if fits else "other"]
    assert of_first != (adjective in OF_THE_SECOND[here["verb"][0]])
    return here["first" if of_first else "second"]


def answers(passage, question):
    """All right answers, each with the place where it stands."""
    sentences = said(passage)
    moves = defaultdict(list)
    for here in sentences:
        if "place" in here:
            moves[here["who"][0]].append(here["place"])
    match question.rstrip("?").replace("picked up", "picked").replace("pick up", "pick").split():
        case ["Who", "has" | "holds", "the", thing, "now"]:
            return {[here["to"] for here in sentences if here.get("given", "-")[0] == thing][-1]}
        case ["Who", "gave" | "handed" | "passed", "the", thing, "to", to]:
            wanted = {"given": thing, "to": to}, "who"
        case ["Who", "did", who, "give" | "hand" | "pass", "the", thing, "to"]:
            wanted = {"who": who, "given": thing}, "to"
        case ["What", "did", who, "give" | "hand" | "pass", "to", to]:
            wanted = {"who": who, "to": to}, "given"
        case ["Who", "took" | "picked" | "grabbed", "the", thing]:
            wanted = {"taken": thing}, "who"
        case ["What", "did", who, "take" | "pick" | "grab"]:
            wanted = {"who": who}, "taken"
        case ["What", "was", "too", adjective] | ["Which", "one", "was", "too", adjective]:
            found = [here for here in sentences if here.get("adjective", "-")[0] == adjective]
            return set(map(referent, found))
        case ["Where", "did", who, "go" | "walk" | "travel", "first"]:
            return {moves[who][0]}
        case ["Where", "did", who, "go" | "walk" | "travel", "last"]:
            return {moves[who][-1]}
        case ["Where", "did", who, "go" | "walk" | "travel", "after", "the", place]:
            pairs = zip(moves[who], moves[who][1:], strict=False)
            return {there for here, there in pairs if here[0] == place}
        case ["Where", "did", who, "go" | "walk" | "travel", "before", "the", place]:
            pairs = zip(moves[who], moves[who][1:], strict=False)
            return {here for here, there in pairs if there[0] == place}
        case ["Where", "was", "the", thing, "taken" | "picked" | "grabbed"]:
            at = next(i for i, here in enumerate(sentences) if here.get("taken", "-")[0] == thing)
            who = sentences[at]["who"][0]
            there = [s["place"] for s in sentences[:at] if "place" in s and s["who"][0] == who]
            return {there[-1]}
        case _:
            raise AssertionError(question)
    asked, answer = wanted
    return {
        here[answer]
        for here in sentences
        if answer in here and all(here.get(key, "-")[0] == word for key, word in asked.items())
    }


@pytest.mark.parametrize("part", PARTS)
def test_every_answer_is_the_only_right_one(part):
    for one in STORIES[part]:
        (answer,) = one.answers
        found = answers(one.passage, one.question)
        assert found == {(one.texts[0], answer.start)}, (one.passage, one.question)


@pytest.mark.parametrize("part", PARTS)
def test_pronouns_stand_for_what_they_say(part):
    for one in STORIES[part]:
        expected = set()
        for here in said(one.passage):
            if "pronoun" in here:
                word, start = here["pronoun"]
                expected.add((start + word.index(" ") + 1, here["who"]))
            if "it" in here:
                expected.add((here["it"][1], referent(here)))
        found = {(p.start, (one.passage[slice(*r)], r.start)) for p, r in one.references}
        assert found == expected
        assert {one.passage[slice(*p)] for p, _ in one.references} <= {"it", "he", "she"}


def test_he_and_she_stay():
    for one in STORIES["train"]:
        spoken = defaultdict(set)
        for pronoun, name in one.references:
            spoken[one.passage[slice(*name)]].add(one.passage[slice(*pronoun)])
        assert all(len(words) == 1 for words in spoken.values())
        for name, words in spoken.items():
            assert name not in world_words.SHE or words == {"she"}
            assert name not in world_words.HE or words == {"he"}


@pytest.mark.parametrize("part", PARTS)
def test_two_had_something_else_than_the_question_says(part):
    clause = re.compile(r"([A-Z]\w+) (ate|had|chose|tried) (\w+)")
    for one in GATHERINGS[part]:
        clauses, asked = one.question.split(": ")
        there, told = clause.findall(one.passage), clause.findall(clauses)
        assert one.passage == " ".join(f"{name} {verb} {food}." for name, verb, food in there)
        assert asked == f"who {there[0][1]} something else?"
        had, said_of = ({name: food for name, _, food in some} for some in (there, told))
        assert len(had) == 10
        assert had.keys() == said_of.keys()
        assert list(had) != list(said_of)
        wrong = [name for name in had if had[name] != said_of[name]]
        assert len(wrong) == 2
        assert list(one.texts) == wrong
        places = [one.passage.index(f"{name} ") for name in wrong]
        assert [answer.start for answer in one.answers] == places
        # No bag of words tells who they are.
        words = Counter(re.findall(r"\w+", one.passage))
        assert Counter(re.findall(r"\w+", clauses)) == words + Counter({"and": 1})
        assert not one.references
        assert all(map(is_held_out, had)) or part != "test"
        assert len(tokens.split(one.passage)) == 40


def people_of(one):
    return {here[key][0] for here in said(one.passage) for key in ("who", "to") if key in here}


@pytest.mark.parametrize("part", PARTS)
def test_the_size_of_a_story(part):
    for one in STORIES[part]:
        sentences = said(one.passage)
        assert len(sentences) == 11
        assert len(people_of(one)) == 6
        assert 70 <= len(tokens.split(one.passage)) <= 110
        assert sum("it" in here for here in sentences) in (2, 3)
        # Those who give a thing that was taken took it, or were given it, before.
        holders = {}
        for here in sentences:
            if "taken" in here:
                assert here["taken"][0] not in holders
                holders[here["taken"][0]] = here["who"][0]
            if "given" in here:
                thing = here["given"][0]
                assert holders.get(thing, here["who"][0]) == here["who"][0]
                holders[thing] = here["to"][0]


def test_names_of_the_test_part_are_new():
    frequent = {*world_words.SHE, *world_words.HE}
    names = {part: Counter() for part in PARTS}
    for part in PARTS:
        for one in STORIES[part]:
            names[part].update(people_of(one))
    assert not names["test"].keys() & (names["train"].keys() | names["valid"].keys() | frequent)
    assert len(names["test"]) > 1000
    assert all(is_held_out(name) for name in names["test"])
    for part in ("train", "valid"):
        assert not any(is_held_out(name) for name in names[part].keys() - frequent)
        share = sum(count for name, count in names[part].items() if name in frequent) / (
            len(STORIES[part]) * 6
        )
        assert abs(share - 0.5) < 4 * (0.25 / (len(STORIES[part]) * 6)) ** 0.5
    assert not any(name.lower() in " ".join(world_words.THINGS) for name in names["test"])


def test_a_quarter_of_the_made_names_is_held_out():
    draws = Draws("names")
    drawn = {made_name(draws, held_out=False) for _ in range(300)}
    assert not any(map(is_held_out, drawn))
    assert len(drawn) > 290
    some = [f"na{i}me" for i in range(4000)]
    share = sum(map(is_held_out, some)) / len(some)
    assert HELD_OUT == 4
    assert abs(share - 0.25) < 0.03
    cast = people(draws, 6, held_out=True)
    assert len({one.name for one in cast}) == 6
    assert all(isinstance(one, Person) and one.pronoun in ("she", "he") for one in cast)


def test_kinds_come_evenly_and_guesses_are_poor():
    counts, guesses = Counter(), defaultdict(list)
    places = {*world_words.PLACES, *world_words.CROSSED}
    things = {*world_words.THINGS, *world_words.CONTAINERS}
    for one in [*STORIES["train"], *STORIES["valid"], *STORIES["test"]]:
        counts[one.kind] += 1
        words = set(re.findall(r"\w+", one.passage))
        answer = one.texts[0]
        if one.kind == "it":
            candidates = {
                here[k][0] for here in said(one.passage) for k in ("first", "second") if k in here
            }
        else:
            sets = (people_of(one), places & words, things & words)
            candidates = next(some for some in sets if answer in some)
        assert answer in candidates
        guesses[one.kind].append(1 / len(candidates))
    every = sum(map(len, PARTS.values()))
    assert abs(sum(map(len, GATHERINGS.values())) - 0.6 * every) < 4 * (0.24 * every) ** 0.5
    assert counts.keys() == KINDS.keys()
    even, among = sum(counts.values()) / 6, sum(counts.values())
    assert all(abs(count - even) < 4 * (among * 5 / 36) ** 0.5 for count in counts.values())
    means = {kind: np.mean(some) for kind, some in guesses.items()}
    assert max(means.values()) < 0.23
    assert np.mean([share for some in guesses.values() for share in some]) < 0.2


def test_stories_hang_on_seed_part_and_number():
    whole = World.of("train", 3, 50)
    assert list(World.of("train", 3, 20)) == list(whole[:20])
    assert list(whole[30:10:-7]) == [whole[30], whole[23], whole[16]]
    assert list(whole.take([4, -1])) == [whole[4], whole[49]]
    assert whole[0].name == "train 0"
    others = [
        World.of("train", 4, 1)[0],
        World.of("valid", 3, 1)[0],
        whole[1],
        World.of("train", -3, 1)[0],
    ]
    assert len({whole[0].passage, *(one.passage for one in others)}) == 5
    with pytest.raises(IndexError):
        whole[50]


def test_sizes():
    parts = world(QuestionsConfig(train=7, seed=2))
    assert [len(part) for part in parts.parts] == [7, 1000, 1000]
    assert [len(part) for part in world(QuestionsConfig()).parts] == [30_000, 1000, 1000]
    assert parts.test[5] == World.of("test", 2, 6)[5]
