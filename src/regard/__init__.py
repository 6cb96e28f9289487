"""regard: every attention mechanism of the literature behind one function.

attend    read values where keys answer queries
weights   what attend attends to, exactly
top_weights, key_totals   the largest weights of each query, and what each key receives
watch     what every attention of any PyTorch model attends to
plan      which engine computes a call, and why not the others
scores, biases, masks, normalizers   the parts of the formula
Memory    attention as a database: rows of key and value, read softly
nn        layers that learn
errors    everything that is raised on purpose
"""

from regard import biases, errors, masks, normalizers, scores
from regard.attention import attend, key_totals, plan, top_weights, weights
from regard.memory import Memory
from regard.watching import watch

__version__ = "0.1.0"

__all__ = [
    "Memory",
    "attend",
    "biases",
    "errors",
    "key_totals",
    "masks",
    "normalizers",
    "plan",
    "scores",
    "top_weights",
    "watch",
    "weights",
]
