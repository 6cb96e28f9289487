"""What the panels of a page hold, read by its description."""

import base64
import json
import re
import zlib
from typing import Any

import numpy as np

HELD = re.compile(r'<figure class="regard"><script type="application/json">(.*?)</script>', re.S)


def payloads(html: str) -> list[dict[str, Any]]:
    """Of each panel, in order."""
    return [json.loads(found) for found in HELD.findall(html)]


def unpacked(text: str, size: int) -> np.ndarray[Any, Any]:
    """Whole numbers of ``size`` bytes."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(size, -1)
    numbers = [planes[byte].astype(np.int64) << (8 * byte) for byte in range(size)]
    return np.sum(numbers, 0)


def weights_of(payload: dict[str, Any]) -> np.ndarray[Any, Any]:
    """``(L, H, Q, K or k)``, to within 16 bits."""
    layers, heads, queries, keys = payload["shape"]
    rows = payload["low"] + payload["scale"] * unpacked(payload["weights"], 2)
    return rows.reshape(layers, heads, queries, payload["top"] or keys)
