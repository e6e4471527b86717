"""What is asked of the environment beside settings: secrets by their names, the number of threads."""

from __future__ import annotations

import os


def secret(name: str) -> str | None:
    """The value of the environment variable `name`, read when it is needed and kept nowhere; None where it is empty or unset."""
    return os.environ.get(name) or None if name else None


def either_case(name: str) -> str:
    """A variable that programs set in lower case or in capitals (`https_proxy`); empty where it is neither."""
    return os.environ.get(name) or os.environ.get(name.upper()) or ""


def use_one_thread() -> None:
    """Keep array libraries from starting a thread for each core; where the environment names a number, that holds.

    Call it before numpy is loaded. A gateway multiplies small matrices, many at once in several processes: threads that
    wait for each other by spinning cost it more than they save.
    """
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")


def hub() -> tuple[str, bool]:
    """(address of the Hugging Face Hub or a mirror of it, whether it may not be asked), as its own tools read them from the environment."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in ("1", "ON", "YES", "TRUE")
    return (os.environ.get("HF_ENDPOINT", "").strip() or "https://huggingface.co").rstrip("/"), offline
