"""What a process remembers between batches: the entries used last, and no more of them than may weigh together."""

from catalog.services.openlineage.cache import Memory


def test_what_was_not_used_longest_is_forgotten():
    memory: Memory[str, int] = Memory(2)
    memory.put_all({"a": 1, "b": 2})
    assert memory.get("a") == 1
    memory.put("c", 3)
    assert [memory.get(key) for key in "abc"] == [1, None, 3]


def test_entries_weigh_what_they_hold():
    memory: Memory[str, str] = Memory(10, weigh=len)
    memory.put("a", "12345")
    memory.put("b", "12345")
    memory.put("a", "1234567")  # put anew: what it was before weighs nothing any more
    assert (memory.get("a"), memory.get("b")) == ("1234567", None)
    memory.put("c", "123")
    assert (memory.get("a"), memory.get("c")) == ("1234567", "123")
    memory.drop("a")
    memory.put("d", "1234567")
    assert (memory.get("c"), memory.get("d")) == ("123", "1234567")
    memory.clear()
    memory.put("e", "1234567890")
    assert memory.get("e") == "1234567890"


def test_what_is_too_heavy_is_not_kept():
    memory: Memory[str, str] = Memory(3, weigh=len)
    memory.put("a", "1")
    memory.put("b", "1234")
    assert (memory.get("a"), memory.get("b")) == (None, None)
