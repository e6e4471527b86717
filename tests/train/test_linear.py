"""`fit`: learns what is there, leaves out what is noise, and hands out exactly what it tried out of fold."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from modicum.artefact import Artefacts
from modicum.backends.features import KINDS, extract
from modicum.backends.linear import WEIGHTS_FILE, Linear
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.errors import NotEnoughDataError
from modicum.train import linear
from modicum.train.drift import Tolerance
from modicum.train.export import in_memory
from modicum.train.machine import C
from modicum.types import Sample
from tests.train.texts import THINGS, WISHES, request, sample, samples

SIZE = 4_000_000


def fit(some: list[Sample], *, groups: list[int] | None = None, max_size_bytes: int = SIZE, seed: int = 0) -> linear.Trained:
    return linear.fit(some, groups=groups or list(range(len(some))), max_size_bytes=max_size_bytes, seed=seed)


def right(specialist: Linear, some: list[Sample]) -> float:
    return float(np.mean([specialist.predict(one.slots).value == one.value for one in some]))


def test_learns_and_survives_the_round_trip(tmp_path: Path) -> None:
    some = samples(400)
    shares: list[float] = []
    trained = linear.fit(some, groups=range(400), max_size_bytes=SIZE, seed=0, progress=shares.append)
    artefacts = Artefacts(tmp_path)
    specialist = Linear(artefacts.read(artefacts.write(trained.files, trained.about)))
    assert specialist.labels == tuple(sorted(WISHES)) and specialist.used_slots == trained.used_slots == ("user.0",)
    assert right(specialist, samples(200, seed=1)) > 0.95
    assert len(trained.out_of_fold) == 400
    assert np.mean([one.value == guess.value for one, guess in zip(some, trained.out_of_fold, strict=True)]) > 0.95
    assert trained.about["size_bytes"] == sum(map(len, trained.files.values()))
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_the_same_input_gives_the_same_digest(tmp_path: Path) -> None:
    some = samples(200, noise=0.1)
    one, same, other = fit(some), fit(some), fit(some, seed=1)
    artefacts = Artefacts(tmp_path)
    digests = [artefacts.write(trained.files, trained.about) for trained in (one, same, other)]
    assert digests[0] == digests[1] != digests[2]
    assert one.out_of_fold == same.out_of_fold


def test_slots_that_are_noise_are_left_out() -> None:
    rng = random.Random(3)
    some = []
    for number in range(600):
        wish = rng.choice(sorted(WISHES))
        slots = [
            ("system.0", f"Monday, {rng.randrange(1, 29)} October"),
            ("system.1", "\n".join(f"- {request(other, rng)} -> {other}" for other in rng.sample(sorted(WISHES), 2))),
            ("user.0", str(rng.randrange(10**6))),
            ("user.1", rng.choice(["Amira", "Bruno", "Chioma"])),
            ("user.2", "web"),
            ("user.3", request(wish, rng)),
        ]
        some.append(sample(number, slots, wish))
    trained = fit(some)
    assert trained.used_slots == ("user.3",)
    assert dict(trained.about["slot_trials"]).keys() == {"system.0", "system.1", "user.0", "user.1", "user.3"}, (
        "a constant slot is not tried"
    )
    specialist = Linear(in_memory(trained.files))
    prediction = specialist.predict([("user.3", "hello, give me my money back")])
    assert prediction.value == "refund"
    assert prediction == specialist.predict([("system.1", "x -> cancel"), ("user.3", "hello, give me my money back"), ("user.0", "9")])


def test_a_second_slot_enters_where_it_tells() -> None:
    rng = random.Random(4)
    some = []
    for number in range(600):
        wish, channel = rng.choice(sorted(WISHES)), rng.choice(["shop", "bank"])
        some.append(
            sample(
                number,
                [("user.0", request(wish, rng)), ("user.1", f"from the {channel}"), ("user.2", rng.choice(THINGS))],
                f"{channel}/{wish}",
            )
        )
    trained = fit(some)
    assert set(trained.used_slots) == {"user.0", "user.1"}
    assert right(Linear(in_memory(trained.files)), some) > 0.95


def test_length_enters_where_it_tells() -> None:
    rng = random.Random(5)
    some = []
    for number in range(600):
        words = rng.randrange(1, 16)
        text = " ".join(rng.choices(THINGS, k=words))
        some.append(sample(number, [("user.0", text)], str(min(5, 1 + words // 3))))
    trained = fit(some)
    assert trained.about["length_of"] == ["user.0"]
    assert trained.about["out_of_fold_agreement"] > 0.9


def test_random_labels_are_not_telling_but_do_not_fail() -> None:
    trained = fit(samples(300, noise=1.0))
    assert not trained.about["telling"]
    assert trained.used_slots == ("user.0",)
    assert np.mean([guess.confidence for guess in trained.out_of_fold]) < 0.3, "and the confidence says so"


def test_unreadable_answers_are_not_learnt_but_predicted() -> None:
    some = [replace(one, value=None) if number % 5 == 0 else one for number, one in enumerate(samples(300))]
    trained = fit(some)
    assert trained.about["unreadable"] == 60 and len(trained.out_of_fold) == 300
    assert "None" not in Linear(in_memory(trained.files)).labels
    assert trained.about["out_of_fold_agreement"] < 0.81, "they count as answered otherwise"


def test_a_label_seen_once_is_left_out() -> None:
    some = [*samples(100), sample(100, [("user.0", "something else entirely")], "complaint")]
    trained = fit(some)
    assert trained.about["labels_left_out"] == 1 and "complaint" not in Linear(in_memory(trained.files)).labels


def test_one_answer_makes_a_constant_specialist(tmp_path: Path) -> None:
    some = [replace(one, value="ok") for one in samples(48)] + [sample(48, [("user.0", "x")], "not ok")]
    trained = fit(some)
    artefacts = Artefacts(tmp_path)
    specialist = Linear(artefacts.read(artefacts.write(trained.files, trained.about)))
    assert trained.used_slots == () and set(trained.out_of_fold) == {specialist.predict(())}
    assert specialist.predict((("user.0", "x"),)).confidence == pytest.approx(49 / 51)


def test_the_wording_of_one_request_is_not_in_the_artefact() -> None:
    some = samples(120)
    for twin in range(3):
        some.append(sample(120 + twin, [("user.0", "refund to account zanzibar9quux please, hello")], "refund"))
    trained = fit(some, groups=[*range(120), 120, 120, 120])
    assert b"zanzi" not in trained.files[SPECIALIST_FILE] and b"quux" not in trained.files[SPECIALIST_FILE]


def test_yes_and_no() -> None:
    some = [replace(one, value="yes" if one.value in ("refund", "invoice") else "no") for one in samples(300)]
    trained = fit(some)
    assert (
        right(
            Linear(in_memory(trained.files)),
            [replace(one, value="yes" if one.value in ("refund", "invoice") else "no") for one in samples(100, seed=2)],
        )
        > 0.95
    )


def test_size_is_kept_by_dropping_what_tells_least() -> None:
    some = [
        replace(one, slots=(("user.0", f"{one.slots[0][1]} {number // 2:x}x{number // 2:o}"),)) for number, one in enumerate(samples(300))
    ]
    whole, small = fit(some), fit(some, max_size_bytes=26_000)
    assert sum(map(len, small.files.values())) <= 26_000 < sum(map(len, whole.files.values()))
    assert right(Linear(in_memory(small.files)), samples(200, seed=1)) > 0.95


@pytest.mark.parametrize(
    ("some", "groups"),
    [
        ([], []),
        (samples(10), list(range(10))),
        (samples(200), [number % 3 for number in range(200)]),
        ([replace(one, value=None) for one in samples(100)], list(range(100))),
        ([replace(one, value=f"free text {number}") for number, one in enumerate(samples(100))], list(range(100))),
    ],
)
def test_too_little_is_refused(some: list[Sample], groups: list[int]) -> None:
    with pytest.raises(NotEnoughDataError):
        fit(some, groups=groups)


def test_labels_that_leave_no_room_are_refused() -> None:
    some = [replace(one, value=f"{number % 50:03}" * 100) for number, one in enumerate(samples(200))]
    with pytest.raises(NotEnoughDataError, match="no room"):
        fit(some, max_size_bytes=30_000)


def test_a_twin_in_the_same_group_gives_nothing_away() -> None:
    # Each text has a random label and stands ten times: who sees a twin is right, who does not must guess.
    rng = random.Random(6)
    texts = [f"{' '.join(rng.choices(THINGS, k=6))} {number}" for number in range(60)]
    labels = [rng.choice(["a", "b"]) for _ in texts]
    some = [sample(number, [("user.0", texts[number % 60])], labels[number % 60]) for number in range(600)]
    honest = fit(some, groups=[number % 60 for number in range(600)])
    leaking = fit(some)
    assert leaking.about["out_of_fold_agreement"] > 0.95
    assert honest.about["out_of_fold_agreement"] < 0.75


def test_the_exported_specialist_says_what_scikit_learn_says() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    some, fresh = samples(400, noise=0.15), samples(400, seed=9)
    trained = fit(some)
    blocks = json.loads(trained.files[SPECIALIST_FILE])["blocks"]
    parts = [
        TfidfVectorizer(analyzer=partial(features, KINDS.index(block["kind"])), vocabulary=block["features"], sublinear_tf=True)
        for block in blocks
    ]
    pipeline = make_pipeline(make_union(*parts), LinearSVC(C=C, random_state=0))
    pipeline.fit([one.slots[0][1] for one in some], [one.value for one in some])
    told = pipeline.predict([one.slots[0][1] for one in fresh])
    specialist = Linear(in_memory(trained.files))
    assert np.mean([specialist.predict(one.slots).value == label for one, label in zip(fresh, told, strict=True)]) >= 0.995


def features(kind: int, text: str) -> list[str]:
    return extract(text)[kind]


def test_confidence_means_something() -> None:
    some = samples(500, noise=0.3)
    trained = fit(some)
    # With 30 % of the labels drawn at random from four, 77.5 % of the answers can be right.
    chance = [
        (guess.confidence + guess.runner_up_probability, guess.value == one.value)
        for one, guess in zip(some, trained.out_of_fold, strict=True)
    ]
    assert abs(np.mean([p for p, _ in chance]) - np.mean([hit for _, hit in chance])) < 0.08


def test_scripts_without_spaces() -> None:
    words = {"上": ["価格上昇", "値上がり続く", "高値更新"], "下": ["価格下落", "値下がり続く", "安値更新"]}
    rng = random.Random(8)
    some = []
    for number in range(200):
        label = rng.choice(sorted(words))
        some.append(sample(number, [("user.0", f"金は今日{rng.choice(words[label])}と報じられた{rng.randrange(100)}")], label))
    assert fit(some).about["out_of_fold_agreement"] > 0.97


def test_many_labels_fit_the_size() -> None:
    rng = random.Random(9)
    names = [f"intent {number}" for number in range(150)]
    keys = {name: [f"{rng.choice(THINGS)}{number}x{rng.randrange(9999)}" for _ in range(3)] for number, name in enumerate(names)}
    some = [
        sample(number, [("user.0", f"please {rng.choice(keys[name])} {rng.choice(FILL)}")], name) for number, name in enumerate(names * 4)
    ]
    trained = fit(some, max_size_bytes=150_000)
    assert sum(map(len, trained.files.values())) <= 150_000
    assert len(Linear(in_memory(trained.files)).labels) == 150


FILL = ["now", "today", "soon", "again", "later"]


def test_files_are_the_two_that_the_runtime_reads() -> None:
    assert set(fit(samples(60)).files) == {SPECIALIST_FILE, WEIGHTS_FILE}


def test_groups_must_match_the_samples() -> None:
    with pytest.raises(ValueError, match="groups"):
        linear.fit(samples(30), groups=[1, 2], max_size_bytes=SIZE, seed=0)


def test_labels_are_counted_over_the_readable_only() -> None:
    trained = fit(samples(120))
    assert trained.about["samples"] == 120 and Counter(trained.about)["labels"] == 4


def test_slots_can_be_chosen_before_groups_are_formed() -> None:
    some = samples(200)
    choice = linear.choose(some, groups=list(range(200)), seed=0)
    assert choice is not None and choice.used == ("user.0",)
    with_choice = linear.fit(some, groups=list(range(200)), max_size_bytes=SIZE, seed=0, choice=choice)
    assert with_choice.files == fit(some).files
    assert linear.choose([replace(one, value="ok") for one in some], groups=list(range(200)), seed=0) is None


def test_eight_bits_are_compared_with_the_floats_that_were_learnt(tmp_path: Path) -> None:
    """The gate counts, slice by slice, and says so in the record that the manifest carries."""
    some = samples(300, noise=0.05)
    about = fit(some).about
    whole = about["drift"][0]
    assert about["precision"] == "int8" and whole["by"] == "all" and whole["requests"] == 300 and whole["known"] == 300
    assert about["drift_agreement"] == pytest.approx(whole["agree"] / 300, abs=1e-4) and about["drift_agreement"] >= 0.98
    assert "drift_beyond" not in about


def test_where_eight_bits_drift_too_far_sixteen_take_their_place(tmp_path: Path) -> None:
    some = samples(300, noise=0.05)
    shares: list[float] = []
    strict = Tolerance(agreement=1.01)  # more than there is: whatever the bits, it is beyond
    trained = linear.fit(some, groups=range(300), max_size_bytes=SIZE, seed=0, tolerance=strict, progress=shares.append)
    assert trained.about["precision"] == "int16" and "at least 101.0%" in trained.about["drift_beyond"]
    assert trained.about["drift_agreement"] == 1.0, "sixteen bits say what the floats say"
    assert shares == sorted(shares) and shares[-1] == 1.0
    artefacts = Artefacts(tmp_path)
    artefact = artefacts.read(artefacts.write(trained.files, trained.about))
    assert load(artefact.files[WEIGHTS_FILE])["weights"].dtype == np.int16
    small, wide = Linear(in_memory(fit(some).files)), Linear(artefact)
    fresh = samples(200, seed=1)
    assert right(wide, fresh) > 0.9 and np.mean([small.predict(s.slots).value == wide.predict(s.slots).value for s in fresh]) > 0.98


def test_sixteen_bits_stay_within_the_size(tmp_path: Path) -> None:
    some, most = samples(300, noise=0.05), 25_500
    trained = linear.fit(some, groups=range(300), max_size_bytes=most, seed=0, tolerance=Tolerance(agreement=1.01))
    assert trained.about["size_bytes"] <= most and trained.about["features"] < fit(some, max_size_bytes=most).about["features"]
