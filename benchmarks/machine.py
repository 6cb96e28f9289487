"""The machine and the versions that numbers come from."""

import os
import platform
from importlib import metadata
from pathlib import Path

import torch

PACKAGES = ("regard", "torch", "numba", "numpy", "keras", "jax")


def machine() -> dict[str, str | int]:
    """CPU model, cores, threads, memory, and the versions of what is installed.

    ``cores`` are those that this process may use, ``threads`` those that torch does.
    """
    versions = {name: version for name in PACKAGES if (version := _version(name))}
    return {
        "cpu": _cpu(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(_meminfo("MemTotal") / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **versions,
    }


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_bytes() -> int:
    """Memory that a process could take now without swapping; 0 where the system does not tell."""
    return _meminfo("MemAvailable")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def _meminfo(field: str) -> int:
    for line in _lines("/proc/meminfo"):
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
