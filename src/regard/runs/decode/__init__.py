"""From a model that knows the next token to whole texts: the searches.

options.py      what is looked for: Search
searches.py     search, and greedy for a batch of equal limits
single.py       one hypothesis a row: the likeliest token each time, or a drawn one
sampling.py     the distribution that is drawn from
beam.py         several hypotheses a sentence, side by side
candidates.py   the likeliest extensions
penalties.py    by what whole hypotheses are ranked
model.py        what a search asks of a model
states.py       select: rows of a model's state
hypotheses.py   what was found
"""

from regard.runs.decode.hypotheses import Decoded, Hypothesis, unknown_sources
from regard.runs.decode.model import Decoder
from regard.runs.decode.options import Search
from regard.runs.decode.searches import greedy, search
from regard.runs.decode.states import select

__all__ = [
    "Decoded",
    "Decoder",
    "Hypothesis",
    "Search",
    "greedy",
    "search",
    "select",
    "unknown_sources",
]
