"""Misspelt questions to a memory of dishes: docs/memory.md."""

import zlib

import torch
from torch import Tensor

from pictures import beside
from regard import Memory, scores
from regard.view import svg
from regard.view.alignment import Alignment

DISHES = ("mushroom soup", "tomato soup", "chocolate cake", "carrot cake", "green salad")
QUESTIONS = ("mushrom soup", "tomatoe", "choclate", "cake", "salad, green")


def draw() -> str:
    memory = Memory()
    memory.add(torch.stack([embed(dish) for dish in DISHES]), list(DISHES))
    queries = torch.stack([embed(question) for question in QUESTIONS])
    return beside(
        _picture(memory, queries, 1.0, "cosine"), _picture(memory, queries, 12.0, "Cosine(12)")
    )


def embed(text: str, features: int = 256) -> Tensor:
    """How often a text has each three letters in a row, hashed to so many features."""
    vector, padded = torch.zeros(features), f"  {text.lower()} "
    for i in range(len(padded) - 2):
        vector[zlib.crc32(padded[i : i + 3].encode()) % features] += 1
    return vector


def _picture(memory: Memory, queries: Tensor, sharpness: float, title: str) -> str:
    found = memory.read(queries, score=scores.Cosine(sharpness))
    weights = torch.zeros_like(found.weights).scatter(-1, found.indices, found.weights)
    return svg.heatmap(Alignment(DISHES, QUESTIONS, weights, title=title))
