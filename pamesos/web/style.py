"""The one style sheet, inside the page: no other file is asked for. Every colour has a word beside
it, and its contrast is 4.5 : 1 or better in both colour schemes.
"""

from __future__ import annotations

import base64
import hashlib

from markupsafe import Markup

STYLE = Markup("""
:root{color-scheme:light dark;--bg:#f6f8fa;--card:#fff;--text:#1f2328;--soft:#57606a;--line:#d0d7de;
--link:#0550ae;--ok:#116329;--okbg:#dafbe1;--busy:#0a4b99;--busybg:#ddf0ff;--warn:#6f4400;
--warnbg:#fff3c9;--bad:#9b0b22;--badbg:#ffe5e8;--unknown:#424a53;--unknownbg:#e7ebef}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--card:#161b22;--text:#e6edf3;--soft:#9ba6b2;
--line:#39424e;--link:#79b8ff;--ok:#7ee2a0;--okbg:#0f2f1b;--busy:#9bd0ff;--busybg:#0c2a4d;
--warn:#f4cf6b;--warnbg:#352a08;--bad:#ffb3bd;--badbg:#4a0f19;--unknown:#c3ccd6;--unknownbg:#2a313a}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,sans-serif;
overflow-wrap:anywhere}
a{color:var(--link)}
a:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:2px}
.skip{position:absolute;left:-999px}
.skip:focus{left:8px;top:8px;background:var(--card);padding:8px}
header,main,footer{max-width:1280px;margin:0 auto;padding:0 16px}
header{display:flex;flex-wrap:wrap;gap:4px 24px;align-items:baseline;padding-top:16px}
header p,footer p{margin:4px 0;color:var(--soft);font-size:14px}
header .brand{font-weight:650;font-size:18px;color:var(--text)}
footer{padding-bottom:32px}
h1{font-size:24px;line-height:1.25;margin:16px 0}
h2{font-size:20px;line-height:1.25;margin:0}
h3{font-size:16px;margin:0 0 8px}
h4{font-size:16px;margin:0}
.top{display:flex;flex-wrap:wrap;gap:8px 12px;align-items:center}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px;
margin:0 0 24px}
.card>p{margin:8px 0 16px}.card>p:last-child{margin-bottom:0}
.links{display:flex;flex-wrap:wrap;gap:4px 16px;margin:16px 0 0;padding:0;list-style:none}
.mark{display:inline-block;border-radius:12px;padding:0 10px;font-size:14px;line-height:24px;
font-weight:600;max-width:100%;border:1px solid currentColor}
.ok{color:var(--ok);background:var(--okbg)}.busy{color:var(--busy);background:var(--busybg)}
.warn{color:var(--warn);background:var(--warnbg)}.bad{color:var(--bad);background:var(--badbg)}
.unknown{color:var(--unknown);background:var(--unknownbg)}
.chain{list-style:none;margin:0;padding:0;display:grid;gap:28px;grid-template-columns:1fr}
.chain>li{border:1px solid var(--line);border-radius:8px;padding:12px;position:relative;min-width:0}
.chain>li+li::before{content:"\\2193";position:absolute;top:-27px;left:0;right:0;text-align:center;
color:var(--soft)}
.app{margin:0 0 12px}.app:last-child{margin:0}
dl{display:grid;grid-template-columns:auto 1fr;gap:0 12px;margin:4px 0 0}
dt{color:var(--soft)}dd{margin:0;min-width:0}
.remark{margin:4px 0 0;padding-left:10px;border-left:3px solid var(--warn);white-space:pre-line}
.attention{list-style:none;margin:0 0 16px;padding:0}
.attention .mark{margin-right:6px}
.attention li{padding:8px 0;border-top:1px solid var(--line)}
.timeline{list-style:none;margin:0;padding:0}
.timeline li{padding:10px 0;border-top:1px solid var(--line)}
.timeline li:first-child{border:0;padding-top:0}
.timeline p{margin:2px 0 0}.timeline .top{gap:2px 12px}
.what{font-weight:600}.soft{color:var(--soft);font-size:14px}
code{font:14px/1.5 ui-monospace,monospace}
table{border-collapse:collapse;width:100%}
caption{text-align:left;color:var(--soft);font-size:14px;padding-bottom:8px}
th,td{text-align:left;vertical-align:top;padding:6px 12px 6px 0;border-top:1px solid var(--line)}
th[scope=col]{color:var(--soft);font-weight:400;font-size:14px;border:0}
td.id{font-weight:400}
@media (min-width:800px){.chain{grid-template-columns:1fr 1fr 1.4fr}
.chain.n1{grid-template-columns:1fr}.chain.n2{grid-template-columns:1fr 1fr}
.timeline li{display:grid;grid-template-columns:13em 1fr}
.chain>li+li::before{content:"\\2192";top:10px;left:-27px;right:auto;width:26px}}
@media (max-width:799px){table,caption,tbody,tr,td{display:block}thead{display:none}
tr{border-top:1px solid var(--line);padding:8px 0}td{border:0;padding:0}
td[data-is]::before{content:attr(data-is) ": ";color:var(--soft)}td:empty{display:none}}
@media print{.skip,.pause{display:none}}
""")

#: For the content security policy: this style sheet and no other.
STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
