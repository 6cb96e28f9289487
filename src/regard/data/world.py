"""The data set ``world``: made stories, with questions of which it is known where the answer
stands."""

from collections.abc import Sequence
from typing import Final, overload

import numpy as np
from jaxtyping import Int

from regard.data.questions import Question, QuestionsConfig
from regard.data.splits import Splits
from regard.data.world_asked import ask
from regard.data.world_draws import Draws
from regard.data.world_gathering import KIND, gathering
from regard.data.world_plot import plot
from regard.data.world_told import told

TRAIN, VALID, TEST = 30_000, 1_000, 1_000
"""Stories of the parts, where nothing else is asked for."""

HELD_OUT: Final = "test"
"""The part whose people have names that no other part has."""

GATHERINGS, OF_ALL = 3, 5
"""Of how many stories how many are gatherings."""


def world(config: QuestionsConfig) -> Splits[Question]:
    """30,000 stories to learn from, 1,000 to choose by and 1,000 to be judged on.

    Three of five are gatherings (``world_gathering``): ten people eat, and the question tells it
    again with the food of two exchanged, and asks who had something else: both are right. The
    others are eleven sentences of six people who go to places, take things and give them to one
    another, and of animals and things that are too … for something, and one question of six kinds
    (``world_asked.KINDS``) with one right answer. In the test part all people have made names that
    stand in no other part. ``references`` says for what each pronoun stands. Of ``config``,
    ``seed`` and ``train`` decide.

    Cost: 0.3 ms a story, each time that it is asked for.

    >>> example = world(QuestionsConfig(train=5)).train[1]
    >>> example.question, example.texts, example.kind
    ('Where did Braflus go first?', ('attic',), 'order')
    """
    train = TRAIN if config.train is None else config.train
    return Splits(
        World.of("train", config.seed, train),
        World.of("valid", config.seed, VALID),
        World.of("test", config.seed, TEST),
    )


class World(Sequence[Question]):
    """Stories of one part with a question each, made when they are asked for."""

    def __init__(self, part: str, seed: int, numbers: Int[np.ndarray, " N"]) -> None:
        self.part, self.seed, self._numbers = part, seed, numbers

    @staticmethod
    def of(part: str, seed: int, count: int) -> "World":
        """The first ``count`` stories of "train", "valid" or "test"."""
        return World(part, seed, np.arange(count))

    def take(self, indices: Int[np.ndarray, " N"] | Sequence[int]) -> "World":
        """The stories of those places, in that order."""
        return World(self.part, self.seed, self._numbers[np.asarray(indices, dtype=np.int64)])

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Question: ...
    @overload
    def __getitem__(self, index: slice) -> "World": ...
    def __getitem__(self, index: int | slice) -> "Question | World":
        if isinstance(index, slice):
            return self.take(np.arange(*index.indices(len(self))))
        number = int(self._numbers[index])
        draws = Draws(f"world {self.seed} {self.part} {number}")
        held_out, name = self.part == HELD_OUT, f"{self.part} {number}"
        if draws.below(OF_ALL) < GATHERINGS:
            passage, question, answers = gathering(draws, held_out=held_out)
            return Question(passage, question, answers, KIND, name)
        story = told(draws, plot(draws, held_out=held_out))
        kind, (question, answer) = ask(draws, story)
        return Question(story.passage, question, (answer,), kind, name, story.references)
