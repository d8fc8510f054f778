"""Which files the demo reads, whatever lies about in a folder."""

from __future__ import annotations

import os

import pytest

from pgqueue.demo.folder import find_files, standard_library
from pgqueue.errors import ConfigurationError


def paths(found):
    return [file.path for file in found.files]


def write(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("pass\n")


def test_files_come_in_order_of_their_paths_with_their_sizes(tmp_path):
    write(tmp_path, "b.py", "a/z.py", "c.txt")
    found = find_files(tmp_path)
    assert [(file.path, file.size) for file in found.files] == [("a/z.py", 5), ("b.py", 5)]


def test_caches_hidden_folders_and_other_peoples_packages_are_passed_over(tmp_path):
    write(tmp_path, "a.py", "__pycache__/b.py", ".venv/c.py", "lib/site-packages/d.py")
    assert paths(find_files(tmp_path)) == ["a.py"]


def test_such_a_folder_can_be_named_itself(tmp_path):
    write(tmp_path, "site-packages/d.py")
    assert paths(find_files(tmp_path / "site-packages")) == ["d.py"]


def test_loops_of_links_pipes_and_folders_with_a_files_name_do_no_harm(tmp_path):
    write(tmp_path, "a.py", "folder.py/b.py")
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "self.py").symlink_to(tmp_path / "self.py")
    (tmp_path / "nowhere.py").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.py")
    assert paths(find_files(tmp_path)) == ["a.py", "folder.py/b.py"]


def test_names_that_are_not_utf8_are_skipped_and_counted(tmp_path):
    write(tmp_path, "a.py")
    try:
        (tmp_path / os.fsdecode(b"\xff.py")).write_text("")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    found = find_files(tmp_path)
    assert (paths(found), found.skipped) == (["a.py"], 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_folders_that_cannot_be_read_are_skipped_and_counted(tmp_path):
    write(tmp_path, "a.py", "closed/b.py")
    (tmp_path / "closed").chmod(0)
    found = find_files(tmp_path)
    (tmp_path / "closed").chmod(0o700)
    assert (paths(found), found.skipped) == (["a.py"], 1)


@pytest.mark.parametrize("name", [".", "nowhere", "file"])
def test_what_holds_no_python_file_is_refused(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"is not a folder|holds no \.py file"):
        find_files(tmp_path / name)


def test_the_standard_library_is_found():
    assert "ast.py" in paths(find_files(standard_library()))
