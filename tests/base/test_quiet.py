"""labkit.base.quiet: native messages are held back, and given out when something fails."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from labkit.base import quiet


def test_native_messages_are_held_back(capfd):
    with quiet.native_stderr():
        os.write(2, b"WARNING: no GPU\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_native_messages_come_out_when_the_block_fails(capfd):
    with pytest.raises(ZeroDivisionError), quiet.native_stderr():
        os.write(2, b"the reason\n")
        raise ZeroDivisionError
    assert capfd.readouterr().err == "the reason\n"


def test_installed_once_and_only_for_tensorflow(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    quiet.quiet_tensorflow()
    quiet.quiet_tensorflow()
    finders = [finder for finder in sys.meta_path if isinstance(finder, quiet.QuietFinder)]
    assert len(finders) == 1
    assert finders[0].find_spec("numpy") is None
    assert finders[0].find_spec("tensorflow.keras") is None


@pytest.mark.parametrize("fails", [False, True])
def test_a_chatty_tensorflow(tmp_path, fails):
    """A stand-in package that writes on descriptor 2 while it is imported."""
    (tmp_path / "tensorflow").mkdir()
    last = "raise ImportError('no AVX')" if fails else "chosen = 1"
    (tmp_path / "tensorflow" / "__init__.py").write_text(f"import os\nos.write(2, b'chatter\\n')\n{last}\n")
    code = "import labkit, tensorflow; print(tensorflow.chosen, tensorflow.__spec__.name)"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    if fails:
        assert done.returncode == 1
        assert "chatter" in done.stderr
        assert "no AVX" in done.stderr
    else:
        assert (done.returncode, done.stdout, done.stderr) == (0, "1 tensorflow\n", "")
