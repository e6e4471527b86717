from modicum.route.coin import keeps_control


def test_a_conversation_stays_on_its_side() -> None:
    assert len({keeps_control("c1", 0.5, salt="s") for _ in range(20)}) == 1


def test_the_share_is_kept() -> None:
    kept = sum(keeps_control(f"c{n}", 0.05, salt="s") for n in range(20_000))
    assert 850 < kept < 1150


def test_none_and_all() -> None:
    assert not any(keeps_control(None, 0.0, salt="s") for _ in range(100))
    assert all(keeps_control(None, 1.0, salt="s") for _ in range(100))
