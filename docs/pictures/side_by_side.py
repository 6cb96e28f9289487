"""Every score on one example: docs/tutorials/side_by_side.md."""

import torch

from pictures import additive, beside, bilinear, location, symmetric_relu
from pictures.plane import looks, vectors
from regard import scores


def draw() -> str:
    query, key = vectors() @ additive.W.T, vectors() @ additive.U.T
    ones = torch.ones(2)
    return beside(
        looks(scores.Dot(), "dot"),
        looks(scores.ScaledDot(), "scaled_dot"),
        looks(scores.Cosine(3.0), "cosine"),
        looks(scores.Distance(), "distance"),
        looks(scores.Bilinear(bilinear.VERB_TO_THING), "bilinear"),
        looks(scores.Additive(3 * additive.V), "additive", query=query, key=key),
        looks(
            scores.NormalizedAdditive(additive.V, 2.0), "normalized_additive", query=query, key=key
        ),
        looks(scores.Trilinear(ones, ones, ones / 2), "trilinear"),
        looks(scores.SymmetricReLU(symmetric_relu.U, torch.full((4,), 0.5)), "symmetric_relu"),
        looks(scores.Location(location.WHERE_AND_HOW_SHARP), "location"),
        looks(scores.SoftCap(scores.Dot(), 3.0), "soft cap of dot"),
        looks(
            lambda q, k: -abs(q[..., :, None, :] - k[..., None, :, :]).sum(-1),
            "a function: −‖q − k‖₁",
        ),
        columns=4,
    )
