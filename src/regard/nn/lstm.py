"""torch's LSTM, in half precision on any CPU."""

from typing import Any

import torch
from torch import nn


class LSTM(nn.LSTM):
    """``torch.nn.LSTM``, also in bfloat16 and under autocast on CPUs without instructions for it.

    There oneDNN refuses the whole layer ("could not create a primitive descriptor"), though torch
    has loops of its own that do it: so oneDNN is passed by.

    Cost: that of torch's LSTM; where oneDNN is passed by, about twice that.
    """

    def forward(self, input: Any, hx: Any = None) -> Any:
        halved = input.dtype == torch.bfloat16 or torch.is_autocast_enabled("cpu")
        if not halved or input.device.type != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return super().forward(input, hx)
        before = torch._C._get_mkldnn_enabled()
        torch._C._set_mkldnn_enabled(False)
        try:
            return super().forward(input, hx)
        finally:
            torch._C._set_mkldnn_enabled(before)
