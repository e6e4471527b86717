"""This computer: what programs print is read or skipped, and something is always found or said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.plan import here
from modicum.plan.machines import GIB

CPUINFO = (
    "processor\t: 0\nmodel name\t: AMD EPYC 9554\ncpu MHz\t\t: 3100.5\nflags\t\t: fpu avx2 avx512f\n\nprocessor\t: 1\nmodel name\t: other\n"
)


def test_cards_are_read_as_nvidia_smi_prints_them() -> None:
    text = "NVIDIA GeForce RTX 3090, 24576, 350.00\nTesla T4, 15360, [N/A]\nbroken\n, 100, 1\nX, nonsense, 3\n"
    assert here.read_cards(text) == [("NVIDIA GeForce RTX 3090", 24.0, 350.0), ("Tesla T4", 15.0, None)]


@pytest.mark.parametrize(
    ("name", "memory", "expected"),
    [
        ("NVIDIA GeForce RTX 3090", 24.0, "rtx-3090"),
        ("NVIDIA GeForce RTX 3090 Ti", 24.0, None),
        ("NVIDIA GeForce RTX 4060 Ti", 16.0, "rtx-4060-ti-16gb"),
        ("NVIDIA GeForce RTX 4060 Ti", 8.0, None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 16.0, None),
        ("NVIDIA A100-SXM4-80GB", 80.0, "a100-80gb"),
        ("NVIDIA A100-SXM4-40GB", 40.0, None),
        ("NVIDIA H100 80GB HBM3", 79.6, "h100"),
        ("NVIDIA H100 PCIe", 79.6, None),
        ("NVIDIA H200", 140.4, "h200"),
        ("NVIDIA L4", 22.5, "l4"),
        ("NVIDIA L40S", 45.0, "l40s"),
        ("Tesla T4", 15.0, None),
    ],
)
def test_a_card_is_known_by_its_name_and_memory_or_not_at_all(name: str, memory: float, expected: str | None) -> None:
    found = here._listed(name, memory)
    assert (found.id if found else None) == expected


def test_processor_and_memory_are_read() -> None:
    assert here.read_cpuinfo(CPUINFO) == ("AMD EPYC 9554", frozenset({"fpu", "avx2", "avx512f"}), 3.1005)
    assert here.read_meminfo("MemTotal:       65536 kB\nMemFree: 1 kB\n") == 65536 * 1024
    assert here.read_meminfo("") is None and here.read_meminfo("MemTotal:") is None and here.read_meminfo("MemTotal: many kB") is None


@given(st.text(max_size=200))
def test_whatever_is_printed_is_read_or_skipped(text: str) -> None:
    for name, memory, power in here.read_cards(text):
        assert name and memory > 0 and (power is None or power > 0)
    here.read_cpuinfo(text)
    found = here.read_meminfo(text)
    assert found is None or found > 0


def test_this_computer_is_a_machine_with_a_measured_memory() -> None:
    found = here.look()
    assert found.cores >= 1
    if found.memory_bytes is not None and found.copied_gbs is not None:
        assert 0.1 < found.copied_gbs < 10_000
        assert found.machines and found.machines[-1].memory_gib == pytest.approx(found.memory_bytes / GIB, abs=0.01)
    else:
        assert found.notes


def test_without_a_measurement_the_processor_is_left_out_and_said_to_be() -> None:
    found = here.look(measure=False)
    assert found.copied_gbs is None and all(one.stack == "cuda" for one in found.machines)
    assert any("not measured" in note or "does not say" in note for note in found.notes)
