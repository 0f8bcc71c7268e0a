"""What is free is the least of what the machine and the container leave."""

from scanbook.loaders.memory import free_bytes


def written(tmp_path, limit="max", used=700, dropped=100, own="0::/outer/inner\n"):
    for name, most in (("outer/inner", limit), ("outer", "max")):
        folder = tmp_path / "groups" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.max").write_text(f"{most}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 5\ninactive_file {dropped}\n")
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:       2 kB\n")
    (tmp_path / "own").write_text(own)
    return tmp_path / "meminfo", tmp_path / "own", tmp_path / "groups"


def test_the_machine_counts_where_the_container_sets_no_limit(tmp_path):
    assert free_bytes(*written(tmp_path)) == 2048


def test_a_containers_limit_counts_less_what_it_uses_and_files_that_can_be_dropped_do_not_count_as_used(tmp_path):
    assert free_bytes(*written(tmp_path, limit=1000)) == 400


def test_a_group_above_limits_those_in_it(tmp_path):
    files = written(tmp_path)
    (tmp_path / "groups" / "outer" / "memory.max").write_text("900\n")
    assert free_bytes(*files) == 300


def test_a_group_that_is_over_its_limit_leaves_nothing(tmp_path):
    assert free_bytes(*written(tmp_path, limit=100)) == 0


def test_where_linux_says_nothing_all_there_is_counts(tmp_path):
    found = free_bytes(tmp_path / "none", tmp_path / "none", tmp_path / "none")
    assert found is None or found > 2**28


def test_this_machine_has_something_left():
    assert free_bytes() is None or free_bytes() > 2**20
