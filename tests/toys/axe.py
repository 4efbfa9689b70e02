"""Run axe-core over an HTML page in headless Chromium, without a driver: the page's script writes its result."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
AXE = ROOT / "build" / "axe-core" / "package" / "axe.min.js"  # where .ci/run puts it
SCHEMES = {"light": 1, "dark": 0}
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
_RESULT = re.compile(r'<script type="application/json" id="axe-result">(.*?)</script>', re.S)
# Colours are computed last: until the result is there, the page says which scheme it has.
_RUN = """
axe.run(document, {resultTypes: ['violations', 'incomplete']}).then(function (result) {
  var short = function (one) {
    return {id: one.id, impact: one.impact, nodes: one.nodes.map(function (node) {
      return node.html.slice(0, 160) + ' | ' + (node.any[0] || node.all[0] || node.none[0] || {message: ''}).message;
    })};
  };
  var place = document.createElement('script');
  place.type = 'application/json';
  place.id = 'axe-result';
  place.textContent = JSON.stringify({
    dark: matchMedia('(prefers-color-scheme: dark)').matches,
    violations: result.violations.map(short),
    passes: result.passes.length,
  });
  document.body.appendChild(place);
});
"""


def chromium() -> str | None:
    """The path of a Chromium; None when there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


def axe_core() -> Path | None:
    """The path of axe-core's script ($LABKIT_AXE, else where .ci/run puts it); None when it is not there."""
    path = Path(os.environ.get("LABKIT_AXE", AXE))
    return path if path.is_file() else None


def violations(page: str, folder: Path, scheme: str, width: int = 1300) -> list[dict]:
    """What axe-core finds on *page* (HTML) above the impact *minor*, in the colour scheme light or dark."""
    browser, script = chromium(), axe_core()
    assert browser is not None and script is not None
    copy = folder / f"copy-{scheme}-{width}.html"
    scripts = f"<script>{script.read_text(encoding='utf-8')}</script><script>{_RUN}</script>"
    copy.write_text(_POLICY.sub("", page).replace("</body>", f"{scripts}</body>"), encoding="utf-8")
    words = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    words += [f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900", "--virtual-time-budget=60000"]
    words += [f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}", "--dump-dom", copy.as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=180, check=True)
    found = _RESULT.search(done.stdout)
    assert found, f"axe-core has left no result: {done.stderr[-500:]}"
    result = json.loads(html.unescape(found[1]))
    assert result["dark"] == (scheme == "dark") and result["passes"] > 10
    return [one for one in result["violations"] if one["impact"] != "minor"]
