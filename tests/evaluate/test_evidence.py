from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import random
from datetime import timedelta

import msgspec
import numpy as np
import pytest

from modicum.errors import CertificateError
from modicum.evaluate.certify import look_a, look_b, look_c, sampled_rows
from modicum.evaluate.evidence import UNREADABLE, certificate_file, write_certificate
from modicum.evaluate.facts import Facts, cover_of, disagreement_in, expiry, repeat_disagreement
from modicum.evaluate.groups import group_samples
from modicum.evaluate.split import split_by_time
from modicum.evaluate.verify import verify
from modicum.stats.sequence import spending
from modicum.types import Certificate, Contract, Cover, PromiseKind
from tests.evaluate.samples import START, attempt, sample, traffic

STEPS = tuple(round(0.9 - i * 0.02, 2) for i in range(45))


def facts(**more: object) -> Facts:
    base = Facts(
        workload_name="support",
        scope="default",
        cover=Cover(incumbents=("gpt-4",), version_ids=("v1",), view_version="1", max_input_chars=100),
        confidence=0.95,
        left_out_groups=7,
        self_disagreement=0.02,
        calls_per_month=30_000,
        control_share=0.05,
        baseline="every call answered by gpt-4",
        created_at=START + timedelta(days=11),
        expires_at=expiry(START + timedelta(days=11), 90),
        contract=Contract(kind="label", labels=("a", "b"), form="Category: {}", read_share=1.0),
    )
    return dataclasses.replace(base, **more)  # type: ignore[arg-type]


def issue(kind: PromiseKind, groups: int = 1500) -> tuple[Certificate, bytes]:
    _, _, table = traffic(groups, error=0.004 if groups > 1000 else 0.0)
    declared = attempt(groups, STEPS if groups > 1000 else STEPS[12:], kinds=(kind,))
    excess = np.where(table.differs, np.where(np.arange(groups) % 3 == 0, 1.0, -1.0), 0.0)
    excess[np.nonzero(table.differs)[0][:2]] = np.nan
    if kind == "C":
        excess = np.where(table.said == table.told, 0.0, 1.0)
        excess[:3] = np.nan
        declared = dataclasses.replace(declared, margin=0.05, max_label_share=1.0)
        return write_certificate(declared, look_c(declared, table, excess), table, facts(), key=b"secret", excess=excess)
    look = look_a(declared, table) if kind == "A" else look_b(declared, table, excess)
    return write_certificate(declared, look, table, facts(), key=b"secret", excess=excess if kind == "B" else None)


@pytest.mark.parametrize("kind", ["A", "B", "C"])
def test_a_certificate_verifies_from_its_file_alone(kind: PromiseKind) -> None:
    certificate, evidence = issue(kind)
    found = verify(certificate_file(certificate, evidence))
    assert found.holds, found.failures
    assert found.certificate == certificate
    assert verify(evidence, certificate).holds
    assert {check.name for check in found.checks} >= {"p_value", "coverage", "label_table", "sentence", "saving", "rule", "evidence_digest"}


def test_a_certificate_by_a_sample_of_labels_verifies_and_extrapolates() -> None:
    _, _, table = traffic(1500, error=0.03)
    declared = attempt(1500, STEPS[15:], kinds=("B",), max_labels=50)
    excess = np.full(1500, np.nan)
    drawn = sampled_rows(declared, table)
    excess[drawn] = np.where(np.arange(50) % 5 == 0, 1.0, -1.0)
    certificate, evidence = write_certificate(declared, look_b(declared, table, excess), table, facts(), key=b"secret", excess=excess)
    accepted = table.accepted(certificate.rule.accept_above)
    seen = accepted[drawn]
    expected = float(excess[drawn][seen].mean()) * float((accepted & table.differs).mean())
    assert certificate.rate == pytest.approx(expected) and certificate.labels_used <= 50
    assert verify(certificate_file(certificate, evidence)).holds


def test_c_states_the_share_of_its_answers_that_are_wrong() -> None:
    certificate, evidence = issue("C")
    assert certificate.kind == "C" and certificate.rate == certificate.errors / certificate.accepted <= 0.05
    assert certificate.sentence.startswith("of 100 that it answers itself at most 5 are wrong, by gold labels (95 % confidence)")
    assert certificate.labels_used >= certificate.accepted - 3
    head, *rows = evidence.splitlines()
    row = next(i for i, line in enumerate(rows) if b'"excess":1.0' in line and b'"accepted":true' in line)
    rows[row] = rows[row].replace(b'"excess":1.0', b'"excess":0.0')
    forged = verify(b"\n".join([head, *rows]) + b"\n", certificate)
    assert {"evidence_digest", "errors", "rate"} <= {check.name for check in forged.failures}


def test_what_it_states_is_what_was_counted() -> None:
    samples, predictions, table = traffic(1500)
    certificate, _ = issue("A")
    accepted = [p.confidence >= certificate.rule.accept_above for p in predictions]
    differing = [a and p.value != s.value for a, p, s in zip(accepted, predictions, samples, strict=True)]
    assert certificate.groups == 1500 and certificate.calls == sum(1 + i % 3 for i in range(1500))
    assert (certificate.accepted, certificate.errors) == (sum(accepted), sum(differing))
    assert certificate.coverage == pytest.approx(sum(accepted) / 1500)
    assert certificate.rate == pytest.approx(sum(differing) / 1500)
    low, high = certificate.rate_calls_interval
    assert low <= certificate.rate <= high
    rows = {row.label: row for row in certificate.label_table}
    assert sum(row.groups for row in rows.values()) == 1500
    assert sum(row.answered for row in rows.values()) == certificate.accepted
    assert sum(row.differing for row in rows.values()) == certificate.errors
    assert rows[UNREADABLE].groups == sum(s.value is None for s in samples)
    assert all(row.differing / row.groups <= row.upper_bound for row in rows.values())
    assert certificate.saving.usd_month is not None and certificate.saving.low_usd_month is not None
    assert float(certificate.saving.usd_month) == pytest.approx(30_000 * 0.95 * 0.002 * certificate.coverage_calls, rel=0.01)
    assert certificate.confidence == 0.95 and certificate.expires_at - certificate.created_at == timedelta(days=90)


def test_it_states_the_contract_and_older_ones_which_do_not_stay_valid_to_the_byte() -> None:
    certificate, evidence = issue("A", groups=800)
    assert certificate.contract == facts().contract
    forged = dataclasses.replace(certificate, contract=Contract(kind="label", labels=("a", "b"), form="{}", read_share=1.0))
    assert {check.name for check in verify(evidence, forged).failures} == {"certificate_id", "contract"}
    _, _, table = traffic(800)
    declared = attempt(800, STEPS[12:], kinds=("A",))
    older, behind = write_certificate(declared, look_a(declared, table), table, facts(contract=None), key=b"secret")
    written = certificate_file(older, behind)
    assert older.contract is None and b'"contract"' not in written and verify(written).holds
    stated = msgspec.json.decode(msgspec.json.encode(older))
    del stated["contract"]
    assert older.certificate_id == f"cert-{hashlib.sha256(msgspec.json.encode(stated | {'certificate_id': ''})).hexdigest()[:32]}"


def test_any_altered_figure_is_found() -> None:
    certificate, evidence = issue("A", groups=800)
    for field in dataclasses.fields(Certificate):
        value = getattr(certificate, field.name)
        altered: object
        match value:
            case bool():
                altered = not value
            case float():
                altered = value * 1.001 + 1e-6
            case int():
                altered = value + 1
            case str():
                altered = "B" if value == "A" else value + "x"
            case (float(), float()):
                altered = (value[0] - 0.001, value[1])
            case tuple():
                altered = value[:-1]
            case None:
                altered = 0.5
            case Contract():
                altered = None
            case _ if dataclasses.is_dataclass(value):
                name, first = next(
                    (f.name, getattr(value, f.name))
                    for f in dataclasses.fields(value)
                    if isinstance(getattr(value, f.name), (float, str, tuple))
                )
                altered = dataclasses.replace(
                    value, **{name: first + type(first)(("x",)) if isinstance(first, tuple) else first * 2 or 1.0}
                )  # type: ignore[type-var]
            case _:
                altered = value + timedelta(days=1)
        forged = dataclasses.replace(certificate, **{field.name: altered})  # type: ignore[arg-type]
        assert not verify(certificate_file(forged, evidence)).holds, field.name


def test_any_altered_row_is_found() -> None:
    certificate, evidence = issue("A", groups=800)
    lines = evidence.strip().split(b"\n")
    rng = random.Random(0)
    for _ in range(25):
        number = rng.randrange(1, len(lines))
        row = msgspec.json.decode(lines[number])
        name = rng.choice(sorted(row))
        value = row[name]
        row[name] = not value if isinstance(value, bool) else value + 1 if isinstance(value, (int, float)) else "0.5"
        forged = [*lines[:number], msgspec.json.encode(row), *lines[number + 1 :]]
        with contextlib.suppress(CertificateError):
            assert not verify(certificate_file(certificate, b"\n".join(forged) + b"\n")).holds
    for forged in (lines[:-1], lines[1:2] + lines[1:], [lines[0], *lines[:0:-1]]):
        data = certificate_file(certificate, b"\n".join(forged) + b"\n")
        with contextlib.suppress(CertificateError):
            assert not verify(data).holds


def test_a_row_altered_with_its_digest_is_found_too() -> None:
    certificate, evidence = issue("A", groups=800)
    head, first, rest = evidence.split(b"\n", 2)
    row = msgspec.json.decode(first)
    row["calls"] += 1
    forged = b"\n".join([head, msgspec.json.encode(row), rest])
    digest = f"sha256:{hashlib.sha256(forged).hexdigest()}"
    found = verify(certificate_file(dataclasses.replace(certificate, evidence_digest=digest), forged))
    assert {"certificate_id", "calls"} <= {check.name for check in found.failures}


def test_a_confidence_that_the_attempt_does_not_keep_is_found() -> None:
    _, _, table = traffic(1500)
    for more in ({"delta": 0.05}, {"number": 2}, {"number": 0}):
        declared = attempt(1500, STEPS, **more)
        certificate, evidence = write_certificate(declared, look_a(declared, table), table, facts(), key=b"secret")
        found = verify(certificate_file(certificate, evidence))
        assert [check.name for check in found.failures] == ["confidence"], more
    declared = attempt(1500, STEPS, number=2, delta=spending(0.05, 2))
    certificate, evidence = write_certificate(declared, look_a(declared, table), table, facts(), key=b"secret")
    assert verify(certificate_file(certificate, evidence)).holds


def test_evidence_holds_neither_text_nor_ids() -> None:
    certificate, evidence = issue("A", groups=800)
    file = certificate_file(certificate, evidence)
    assert b"call-1" not in file and b"resp-1" not in file and b"text 1" not in file
    other, _ = issue("A", groups=800)
    assert other == certificate  # the same in, the same out


def test_damaged_files_are_refused_or_fail_and_never_crash() -> None:
    certificate, evidence = issue("A", groups=800)
    file = certificate_file(certificate, evidence)
    rng = random.Random(4)
    for _ in range(50):
        where = rng.randrange(len(file)) if rng.random() < 0.3 else rng.randrange(2500)
        damaged = file[:where] + rng.choice([b"", b"0", b"9", b"-", b'"', b"\xff", b"e9"]) + file[where + rng.randrange(3) :]
        with contextlib.suppress(CertificateError):
            found = verify(damaged)
            assert not found.holds or found.certificate == certificate  # a digit that no number needs may change


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"certificate": 3}\n{}\n', b"[]\n[]"])
def test_what_is_no_certificate_file_is_refused(data: bytes) -> None:
    with pytest.raises(CertificateError, match="no certificate file"):
        verify(data)


def test_nothing_passed_is_nothing_to_certify() -> None:
    _, _, table = traffic(1500)
    declared = attempt(1500, (0.0,))
    with pytest.raises(CertificateError, match="no threshold"):
        write_certificate(declared, look_a(declared, table), table, facts(), key=b"")


def test_how_often_the_incumbent_contradicts_itself() -> None:
    samples = [
        sample(0, "a", "x"),
        sample(1, "A!", "x"),
        sample(2, "a", "y"),
        sample(3, "b", "x"),
        sample(4, "c", None),
        sample(5, "c", None),
    ]
    share, pairs = repeat_disagreement(samples, group_samples(samples))
    assert pairs == 4
    assert share == pytest.approx((2 / 3 + 1) / 2)
    assert repeat_disagreement(samples[3:4], group_samples(samples[3:4])) == (None, 0)


def test_a_few_repeats_say_nothing_of_how_often_that_is() -> None:
    few = [sample(number, f"text {number % 3}", "x") for number in range(22)]
    assert disagreement_in(few, group_samples(few)) is None
    assert disagreement_in([*few, sample(22, "text 1", "x")], group_samples([*few, sample(22, "text 1", "x")])) == 0.0


def test_the_cover_is_what_the_window_saw() -> None:
    samples = [sample(i, f"alone {i} here", incumbent="old" if i < 60 else "new", turns=1 + (i == 99), input_chars=i) for i in range(100)]
    split = split_by_time(samples, group_samples(samples), seed=0)
    cover = cover_of(samples, split, view_version="1")
    assert cover == Cover(incumbents=("new",), version_ids=("v1",), view_version="1", max_input_chars=99, max_turns=2)
