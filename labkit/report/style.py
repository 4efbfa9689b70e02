"""The report's look: one style sheet, light and dark, screen and paper; no script, nothing loaded from elsewhere."""

from __future__ import annotations

from labkit.report.pareto import technique_class
from labkit.session.plot import COLOURS

_SHEET = """
:root{--paper:#fff;--ink:#1c1e21;--soft:#5c636b;--line:#d9dde1;--band:#f4f6f7;--ok:#0a7a52;--bad:#b3261e;--warn:#8a5a00;
--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media (prefers-color-scheme:dark){:root{--paper:#16181b;--ink:#e6e8ea;--soft:#a0a7ae;--line:#363b41;--band:#1f2327;
--ok:#4fc795;--bad:#ff8a80;--warn:#f0c060}}
*{box-sizing:border-box}
html{color-scheme:light dark}
body{margin:0 auto;padding:24px 28px 60px;max-width:1440px;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:36px 0 8px;border-bottom:1px solid var(--line);
padding-bottom:4px}
h3{font-size:15.5px;margin:18px 0 6px}p{margin:6px 0;max-width:92ch}a{color:inherit;text-underline-offset:2px}
nav{margin:10px 0 0;font-size:14px}nav a{margin-right:16px}
.facts{color:var(--soft);font-size:13.5px;max-width:none}.facts b{color:var(--ink);font-weight:600}
.cards{display:flex;flex-wrap:wrap;gap:12px;margin:16px 0 4px}
.card{border:1px solid var(--line);border-radius:8px;padding:9px 16px;min-width:120px}
.card b{display:block;font-size:23px;line-height:1.2;font-variant-numeric:tabular-nums}
.card span{color:var(--soft);font-size:13px}
.note{border-left:3px solid var(--warn);background:var(--band);padding:7px 12px;font-size:14px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding:2px 0 6px;font-size:13px}
th{text-align:left;font-weight:600;border-bottom:2px solid var(--line);padding:5px 8px;vertical-align:bottom;
white-space:nowrap}
td{border-bottom:1px solid var(--line);padding:4px 8px;vertical-align:top}
th.n,td.n{text-align:right;white-space:nowrap}td.w{white-space:nowrap}
td.n small{display:block;line-height:1.25}
th[scope=row]{border-bottom:1px solid var(--line);font-weight:500;vertical-align:top;white-space:normal;
min-width:130px}
tr.group th{background:var(--band);border-bottom:1px solid var(--line);font-weight:600;white-space:normal;
padding:6px 8px}
tr.group code{font-weight:400;float:right}
td small,th small,.soft{color:var(--soft);font-weight:400}
code,pre{font-family:var(--mono);font-size:12.5px}
td code{white-space:nowrap}
pre{background:var(--band);border:1px solid var(--line);border-radius:6px;padding:10px 12px;overflow-x:auto;
margin:6px 0;
white-space:pre-wrap;overflow-wrap:anywhere}
.s-ok,.s-held{color:var(--ok);font-weight:600}.s-failed{color:var(--bad);font-weight:600}
.s-shown,.s-none,.s-interrupted{color:var(--soft);font-weight:600}.s-warn{color:var(--warn)}
.dot{display:inline-block;width:10px;height:10px;border-radius:50%;background:var(--c,#888);margin-right:6px}
.bar{width:110px;height:12px;display:block}.bar .track{fill:var(--line)}.bar .time{fill:var(--ok)}
.bar .over{fill:var(--bad)}
.bar .mark{stroke:var(--ink);stroke-width:1.5}
.panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(520px,100%),1fr));gap:18px;margin:8px 0}
.panels .wide{grid-column:1/-1}figure{margin:0}
.pareto{width:100%;height:auto;border:1px solid var(--line);border-radius:8px;display:block}
.pareto text{font:11px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--soft)}
.pareto .title{font-size:13px;font-weight:600;fill:var(--ink)}
.pareto .grid{stroke:var(--line);stroke-width:.7}.pareto .axis{stroke:var(--soft)}
.pareto .front{fill:none;stroke:var(--soft);stroke-width:1.3;stroke-dasharray:5 3}
.pareto .leader{stroke:var(--soft);stroke-width:.6}.pareto .arrow,.pareto .ring{fill:none;stroke:var(--ink);
stroke-width:1.1}
.pareto .mark{fill:var(--c,#888);fill-opacity:.78;stroke:var(--paper);stroke-width:1}
.pareto .untimed{fill:none;stroke:var(--c,#888);stroke-width:2;stroke-dasharray:2 2}
.pareto .label{fill:var(--t,var(--ink))}.pareto text.note{fill:var(--warn)}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;color:var(--soft);align-items:center;margin:6px 0}
.key svg{vertical-align:middle;overflow:visible}.key span{white-space:nowrap}
.key svg .mark{fill:var(--soft)}
footer{margin-top:40px;color:var(--soft);font-size:13px;border-top:1px solid var(--line);padding-top:8px}
@page{size:A4 landscape;margin:12mm}
@media print{:root{--paper:#fff;--ink:#000;--soft:#444;--line:#bbb;--band:#f2f2f2;--ok:#0a6b48;--bad:#a01d16;
--warn:#6d4700}
html{color-scheme:light}body{padding:0;max-width:none;font-size:10.5px}table{font-size:8.6px}th,td{padding:2px 4px}
code,pre{font-size:8.4px}nav{display:none}.scroll{overflow:visible}thead{display:table-header-group}
tr,figure,.card,pre{break-inside:avoid}h2,h3,tr.group{break-after:avoid}.panels{grid-template-columns:1fr 1fr;gap:8px}
h1{font-size:19px}h2{font-size:14px;margin-top:18px}h3{font-size:11.5px}.facts,.note,caption,.key{font-size:9.5px}
.note{max-width:none;padding:3px 8px}.card{padding:4px 10px;min-width:0}.card b{font-size:15px}.card span{font-size:9px}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


def sheet() -> str:
    """The style sheet, with a colour a technique: ``--c`` for marks, ``--t`` for text, which needs more contrast."""
    light = "".join(
        f".{technique_class(name)}{{--c:{colour};--t:{_mix(colour, '#000000', 0.42)}}}"
        for name, colour in COLOURS.items()
    )
    dark = "".join(
        f".{technique_class(name)}{{--c:{_mix(colour, '#ffffff', 0.62 if name == 'baseline' else 0.12)};"
        f"--t:{_mix(colour, '#ffffff', 0.62 if name == 'baseline' else 0.45)}}}"
        for name, colour in COLOURS.items()
    )
    return f"{_SHEET}{light}\n@media screen and (prefers-color-scheme:dark){{{dark}}}"


def _mix(colour: str, other: str, share: float) -> str:
    """*share* of *other* in *colour*, both as ``#rrggbb``."""
    pairs = zip((colour[1:3], colour[3:5], colour[5:7]), (other[1:3], other[3:5], other[5:7]), strict=True)
    return "#" + "".join(f"{round(int(a, 16) * (1 - share) + int(b, 16) * share):02x}" for a, b in pairs)
