# The memory functions as Python sees them: real signatures, each one request to the core.
import os


def _plain(value):
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def make_functions(call):
    def create_file(file_path, content=""):
        return call("create_file", _plain(file_path), content)

    def create_dir(dir_path):
        return call("create_dir", _plain(dir_path))

    def update_file(file_path, old_content, new_content):
        return call("update_file", _plain(file_path), old_content, new_content)

    def read_file(file_path):
        return call("read_file", _plain(file_path))

    def list_files():
        return call("list_files")

    def delete_file(file_path):
        return call("delete_file", _plain(file_path))

    def go_to_link(link_string):
        return call("go_to_link", _plain(link_string))

    def check_if_file_exists(file_path):
        return call("check_if_file_exists", _plain(file_path))

    def check_if_dir_exists(dir_path):
        return call("check_if_dir_exists", _plain(dir_path))

    def get_size(file_or_dir_path):
        return call("get_size", _plain(file_or_dir_path))

    def search_memory(query, limit=5):
        return call("search_memory", query, limit)

    return {name: value for name, value in locals().items() if callable(value) and name != "call"}
