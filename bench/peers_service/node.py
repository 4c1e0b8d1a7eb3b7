"""Node's packages of the services on Node: `python -m bench.peers_service.node` installs them into build/peers-service."""

import shutil
import subprocess
import sys
from pathlib import Path

from bench.processes import BUILD, CannotMeasure

HERE = Path(__file__).parent
INSTALLED = BUILD / "peers-service"
OLDEST = 20
FILES = ("package.json", "package-lock.json", "rules.mjs", "fastify_service.mjs", "grpc_service.mjs")


def program() -> str:
    """The command `node`; raises CannotMeasure where it or npm is missing or too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        missing = "node" if node is None else "npm"
        raise CannotMeasure(
            f"the services on Node are left out: {missing} is not on the PATH; install Node {OLDEST} or later with npm"
        )
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST:
        raise CannotMeasure(f"the services on Node are left out: this is Node {version}, they need {OLDEST}")
    return node


def install() -> Path:
    """The folder of the programs with their packages, which npm brings where the lock file has changed.

    Only better-sqlite3 may run its script: it fetches a binary or compiles one, for which it needs a compiler for C++, make
    and Python. Raises CannotMeasure with what npm says.
    """
    program()
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(HERE / name, INSTALLED / name)
    lock, marker = INSTALLED / "package-lock.json", INSTALLED / ".installed"
    if not marker.exists() or marker.read_bytes() != lock.read_bytes():
        quiet = ("--no-audit", "--no-fund", "--loglevel=error")
        for command in (
            ("npm", "ci", "--ignore-scripts", *quiet),
            ("npm", "rebuild", "better-sqlite3", *quiet),
        ):
            done = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, check=False)
            if done.returncode:
                raise CannotMeasure(
                    f"the services on Node are left out: `{' '.join(command)}` failed: {done.stderr}"
                )
        shutil.copy(lock, marker)
    return INSTALLED


if __name__ == "__main__":
    try:
        install()
    except CannotMeasure as error:
        sys.exit(str(error))
