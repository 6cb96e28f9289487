"""Where tokens stand in their text."""

from hypothesis import given
from hypothesis import strategies as st

from regard.data.tokens import shown, spans, split

TEXTS = st.text() | st.text("ab1.,:'’-!?()%fed￭ \u00a0\u202f\té́ि日\u200c_", max_size=30)

spans(
    "é"
)  # the first text that is not ASCII compiles a pattern, which takes longer than a test may


@given(TEXTS)
def test_a_place_holds_its_token_and_nothing_is_left_between(text):
    found = spans(text)
    assert [token for token, _, _ in found] == split(text)
    behind = 0
    for token, start, end in found:
        assert text[start:end] == shown(token)
        assert not text[behind:start].strip()
        behind = end
    assert not text[behind:].strip()
