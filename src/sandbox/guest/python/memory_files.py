# Files for Python code: open, os, pathlib, glob and shutil on notes, each operation one request to the core.
# The interpreter has no view of any disk; a path outside /memory does not exist.
import base64
import builtins
import io
import os
import posixpath
import shutil
import stat as stat_bits

ROOT = "/memory"
BLOCK_SIZE = 4096


class MemoryFiles:
    def __init__(self, call):
        self._call = call
        self._cwd = ROOT

    # Paths ------------------------------------------------------------------------------------------------------

    def relative(self, path):
        if isinstance(path, int):
            raise OSError(9, "Bad file descriptor")
        text = os.fsdecode(path)
        if "\0" in text:
            raise ValueError("embedded null byte")
        full = posixpath.normpath(posixpath.join(self._cwd, text)) if text else ""
        if full == ROOT:
            return ""
        if not full.startswith(ROOT + "/"):
            raise FileNotFoundError(2, "No such file or directory", path)
        return full[len(ROOT) + 1 :]

    def ask(self, operation, path, *arguments):
        target = self.relative(path)
        try:
            return self._call(operation, target, *arguments)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, path) from None

    # builtins and io --------------------------------------------------------------------------------------------

    def open(self, file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
        kinds = set(mode)
        if len(kinds) != len(mode) or not kinds <= set("rwxab+t") or len(kinds & set("rwxa")) != 1 or {"b", "t"} <= kinds:
            raise ValueError(f"invalid mode: {mode!r}")
        binary = "b" in kinds
        if binary and (encoding is not None or errors is not None or newline is not None):
            raise ValueError("binary mode doesn't take an encoding, errors or newline argument")
        action = (kinds & set("rwxa")).pop()
        if action == "r" and "+" not in kinds:
            data = self.ask("fs.read", file)
        else:
            data = self.ask("fs.open", file, "r+" if action == "r" else action)
        raw = NoteBytes(self, file, base64.b64decode(data), action, "+" in kinds, mode)
        if binary:
            return raw
        wrapped = io.TextIOWrapper(raw, encoding=encoding or "utf-8", errors=errors, newline=newline)
        wrapped.mode = mode
        return wrapped

    # os ---------------------------------------------------------------------------------------------------------

    def listdir(self, path="."):
        return [name for name, _ in self.ask("fs.list", path)]

    def scandir(self, path="."):
        return ScanIterator([NoteEntry(self, os.fsdecode(path), name, kind) for name, kind in self.ask("fs.list", path)])

    def stat(self, path, *, dir_fd=None, follow_symlinks=True):
        kind, size, modified = self.ask("fs.stat", path)
        mode = (stat_bits.S_IFDIR | 0o700) if kind == "directory" else (stat_bits.S_IFREG | 0o600)
        inode = hash(self.relative(path)) & 0x7FFFFFFF
        return os.stat_result((mode, inode, 1, 1, 0, 0, size, modified, modified, modified))

    def lstat(self, path, *, dir_fd=None):
        return self.stat(path)

    def mkdir(self, path, mode=0o777, *, dir_fd=None):
        self.ask("fs.mkdir", path)

    def remove(self, path, *, dir_fd=None):
        self.ask("fs.remove", path)

    def rmdir(self, path, *, dir_fd=None):
        self.ask("fs.rmdir", path)

    def rename(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        self.ask("fs.rename", src, self.relative(dst))

    def getcwd(self):
        return self._cwd

    def getcwdb(self):
        return os.fsencode(self._cwd)

    def chdir(self, path):
        if not stat_bits.S_ISDIR(self.stat(path).st_mode):
            raise NotADirectoryError(20, "Not a directory", path)
        inner = self.relative(path)
        self._cwd = posixpath.join(ROOT, inner) if inner else ROOT

    def access(self, path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True):
        try:
            self.stat(path)
        except OSError:
            return False
        return True

    def readlink(self, path, *, dir_fd=None):
        self.stat(path)
        raise OSError(22, "Invalid argument", path)

    def keep_attributes(self, path, *arguments, **options):
        self.stat(path)


class NoteBytes(io.BytesIO):
    """One open note; what was written goes to the core on flush and on close."""

    def __init__(self, files, name, data, action, both, mode):
        super().__init__(data)
        self._files = files
        self._target = files.relative(name)
        self._readable = action == "r" or both
        self._writable = action != "r" or both
        self._append = action == "a"
        self._dirty = action in "wx"
        self.name = name
        self.mode = mode
        if self._append:
            self.seek(0, 2)

    def readable(self):
        return self._readable

    def writable(self):
        return self._writable

    def _need(self, allowed, word):
        if not allowed:
            raise io.UnsupportedOperation(word)

    def read(self, size=-1):
        self._need(self._readable, "not readable")
        return super().read(size)

    def read1(self, size=-1):
        self._need(self._readable, "not readable")
        return super().read1(size)

    def readline(self, size=-1):
        self._need(self._readable, "not readable")
        return super().readline(size)

    def readinto(self, buffer):
        self._need(self._readable, "not readable")
        return super().readinto(buffer)

    def write(self, data):
        self._need(self._writable, "not writable")
        if self._append:
            self.seek(0, 2)
        self._dirty = True
        return super().write(data)

    def truncate(self, size=None):
        self._need(self._writable, "not writable")
        self._dirty = True
        return super().truncate(size)

    def flush(self):
        super().flush()
        if self._dirty:
            self._dirty = False
            try:
                text = self.getvalue().decode("utf-8")
            except UnicodeDecodeError:
                raise OSError(22, "A note must be UTF-8 text", self.name) from None
            self._files.ask("fs.write", posixpath.join(ROOT, self._target), text)

    def close(self):
        if self.closed:
            return
        try:
            self.flush()
        finally:
            super().close()


class NoteEntry:
    def __init__(self, files, directory, name, kind):
        self._files = files
        self._kind = kind
        self.name = name
        self.path = posixpath.join(directory, name)

    def is_dir(self, *, follow_symlinks=True):
        return self._kind == "directory"

    def is_file(self, *, follow_symlinks=True):
        return self._kind == "file"

    def is_symlink(self):
        return False

    def is_junction(self):
        return False

    def stat(self, *, follow_symlinks=True):
        return self._files.stat(self.path)

    def inode(self):
        return self.stat().st_ino

    def __fspath__(self):
        return self.path

    def __repr__(self):
        return f"<DirEntry {self.name!r}>"


class ScanIterator:
    def __init__(self, entries):
        self._entries = iter(entries)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._entries)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._entries = iter(())


def _refuse(name):
    def refused(*_arguments, **_options):
        raise PermissionError(1, f"os.{name} is not available in the sandbox")

    refused.__name__ = name
    return refused


REFUSED = (
    "open read write fdopen link symlink mkfifo mknod truncate ftruncate chroot fchdir system popen execv execve fork kill killpg"
    " putenv unsetenv statvfs fstatvfs pipe dup dup2 fchmod fchown sendfile copy_file_range fwalk"
).split()


def install(files):
    builtins.open = io.open = files.open
    for name in ("listdir", "scandir", "stat", "lstat", "mkdir", "remove", "rmdir", "rename", "getcwd", "getcwdb", "chdir", "access", "readlink"):
        setattr(os, name, getattr(files, name))
    os.unlink = files.remove
    os.replace = files.rename
    for name in ("chmod", "lchmod", "chown", "lchown", "utime", "setxattr"):
        if hasattr(os, name):
            setattr(os, name, files.keep_attributes)
    for name in REFUSED:
        if hasattr(os, name):
            setattr(os, name, _refuse(name))
    os.supports_dir_fd.clear()
    os.supports_fd.clear()
    shutil._use_fd_functions = False
    shutil._rmtree_impl = shutil._rmtree_unsafe
    shutil._USE_CP_SENDFILE = False
    shutil._USE_CP_COPY_FILE_RANGE = False
